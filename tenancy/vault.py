"""HashiCorp Vault, KV version 2 (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2), through hvac.

One version of a secret is one version there, written by check-and-set and read by its number. What is kept names its
tenant, name and number: a value that was copied to another path is not taken for another secret's.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import hvac
from django.conf import settings
from django.db import connection
from hvac import exceptions

from tenancy.errors import (
    GroveError,
    SealBroken,
    SecretBackendInvalid,
    SecretConflict,
    SecretNotFound,
    VaultRefused,
    VaultUnreachable,
)
from tenancy.models import VaultAuth

PROBE: Final = "grove-probe"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
MOST_CACHED: Final = 1000
_NOT_VAULT: Final = (KeyError, TypeError, AttributeError, ValueError)  # an answer of another shape

Answer = TypeVar("Answer")

_tokens: dict[str, str] = {}  # AppRole's tokens of this process, by the place they belong to
_values: dict[tuple[str, str, int], tuple[str, float]] = {}  # what was read lately, and until when
_change = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPlace:
    """Where a tenant's values are, and how Grove gets in. Its repr does not show the credential."""

    address: str
    namespace: str
    mount: str
    prefix: str
    auth: VaultAuth
    role_id: str
    credential: str = field(repr=False)
    ca_pem: str = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.address).netloc

    @property
    def digest(self) -> str:
        parts = (self.address, self.namespace, self.auth, self.role_id, self.credential)
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()

    def path_of(self, name: str) -> str:
        return f"{self.mount}/{self.prefix}/{name}"


def place(
    *,
    address: str,
    namespace: str,
    mount: str,
    prefix: str,
    auth: str,
    role_id: str,
    credential: str,
    ca_pem: str,
    tenant: str,
) -> VaultPlace:
    """A place from what was configured; `{tenant}` in the prefix becomes the tenant's slug.

    A prefix that does not name the tenant gets it at its end: no two tenants share a path.
    """
    prefix = (prefix or "grove/{tenant}").replace("{tenant}", tenant)
    if tenant not in prefix.split("/"):
        prefix = f"{prefix}/{tenant}"
    if not credential or (auth == VaultAuth.APPROLE and not role_id):
        raise SecretBackendInvalid(
            "Vault wants a token, or AppRole's role id and secret id. Neither is set."
        )
    return VaultPlace(
        address=address,
        namespace=namespace,
        mount=mount or "secret",
        prefix=prefix,
        auth=VaultAuth(auth),
        role_id=role_id,
        credential=credential,
        ca_pem=ca_pem,
    )


def fault_of_address(address: str) -> str:
    """What is wrong with an address of Vault; empty when nothing is."""
    try:
        url = urlsplit(address)
        host = url.hostname
    except ValueError:
        host = None
    if not host or url.scheme not in ("http", "https"):
        return "The address of Vault must read https://host:port."
    if url.username or url.password or url.query or url.fragment:
        return "The address of Vault holds neither a password nor a query."
    if url.scheme == "http" and host not in LOOPBACK:
        return "Secrets travel encrypted: the address of Vault must begin with https://."
    return ""


class Vault:
    """One place in one Vault, for one tenant. Cheap to make; every call is a request of its own."""

    def __init__(self, at: VaultPlace, *, owner: str) -> None:
        self._at, self._owner = at, owner

    def write(self, path: str, *, name: str, number: int, value: str) -> int:
        """Keep a value as the newest version of this path. Returns its number there. Raises SecretConflict."""
        mount, below = _split(path)
        kept = {"value": value, "tenant": self._owner, "name": name, "version": str(number)}

        def ask(client: hvac.Client) -> int:
            kv = client.secrets.kv.v2
            try:
                known = kv.read_secret_metadata(below, mount_point=mount)
                newest = int(known["data"]["current_version"])
            except exceptions.InvalidPath:
                newest = 0
            try:
                made = kv.create_or_update_secret(below, secret=kept, cas=newest, mount_point=mount)
            except exceptions.InvalidRequest as error:
                if "check-and-set" in str(error):
                    raise SecretConflict from error
                raise
            return int(made["data"]["version"])

        return self._ask(path, ask)

    def read(self, path: str, version: int, *, name: str, number: int) -> str:
        """The value of this version; what was read within GROVE_VAULT_CACHE_SECONDS is not asked for again."""
        cached = (self._at.digest, path, version)
        found = _values.get(cached)
        if found is not None and found[1] > time.monotonic():
            return found[0]
        mount, below = _split(path)

        def ask(client: hvac.Client) -> dict[str, str]:
            answer = client.secrets.kv.v2.read_secret_version(
                below, version=version, mount_point=mount, raise_on_deleted_version=True
            )
            kept: dict[str, str] = answer["data"]["data"]
            return kept

        kept = self._ask(path, ask)
        belongs = (kept.get("tenant"), kept.get("name"), kept.get("version"))
        if belongs != (self._owner, name, str(number)):
            raise SealBroken(f"What Vault keeps at {path} was not stored there as “{name}”.")
        with _change:
            if len(_values) >= MOST_CACHED:
                _values.clear()
            _values[cached] = (kept["value"], time.monotonic() + settings.VAULT_CACHE_SECONDS)
        return kept["value"]

    def destroy(self, path: str, version: int) -> None:
        """Remove the value of this version for good."""
        mount, below = _split(path)
        with _change:
            _values.pop((self._at.digest, path, version), None)

        def ask(client: hvac.Client) -> None:
            try:
                client.secrets.kv.v2.destroy_secret_versions(
                    below, versions=[version], mount_point=mount
                )
            except exceptions.InvalidPath:
                return  # somebody has removed it there

        self._ask(path, ask)

    def check(self) -> None:
        """Write, read and remove a probe. Raises VaultUnreachable, VaultRefused."""
        path = self._at.path_of(PROBE)
        version = self.write(path, name=PROBE, number=0, value="a probe")
        try:
            self.read(path, version, name=PROBE, number=0)
        finally:
            self.destroy(path, version)

    def _ask(self, path: str, ask: Callable[[hvac.Client], Answer]) -> Answer:
        """One request, with every failure as a sentence; an AppRole's token that has expired is renewed once."""
        if not connection.in_atomic_block:
            connection.close()  # none is held while Vault thinks
        at = self._at
        try:
            client = self._client()
            try:
                return ask(client)
            except exceptions.Forbidden:
                if at.auth is not VaultAuth.APPROLE:
                    raise
                with _change:
                    _tokens.pop(at.digest, None)
                return ask(self._client())
        except (exceptions.VaultError, OSError, *_NOT_VAULT) as error:
            raise _to_error(error, at.host, path) from error

    def _client(self) -> hvac.Client:
        at = self._at
        client = hvac.Client(
            url=at.address,
            token="",
            verify=_ca_file(at.ca_pem) or True,
            timeout=settings.VAULT_TIMEOUT_SECONDS,
            namespace=at.namespace or "",
            allow_redirects=False,
        )
        client.adapter.session.trust_env = False  # neither proxies nor passwords of this machine
        if at.auth is VaultAuth.TOKEN:
            client.token = at.credential
            return client
        token = _tokens.get(at.digest)
        if token is None:
            login: Any = client.auth.approle.login(at.role_id, at.credential, use_token=False)
            token = str(login["auth"]["client_token"])
            with _change:
                _tokens[at.digest] = token
        client.token = token
        return client


def forget() -> None:
    """Drop tokens and values that this process remembers."""
    with _change:
        _tokens.clear()
        _values.clear()


def _split(path: str) -> tuple[str, str]:
    """Mount and the path below it. A mount is one word: further slashes belong to the path."""
    mount, _, below = path.partition("/")
    return mount, below


def _to_error(error: Exception, host: str, path: str) -> GroveError:
    """What happened, in words that say what to do. Nothing that Vault or the network said is quoted."""
    made: GroveError
    match error:
        case exceptions.VaultDown():
            made = VaultUnreachable(
                f"Vault at {host} is sealed or not active. Somebody has to unseal it; then try again."
            )
        case exceptions.Forbidden() | exceptions.Unauthorized():
            made = VaultRefused(
                f"Vault at {host} refuses Grove at {path}: its token has expired or was revoked, or its policy "
                "does not allow this path."
            )
        case exceptions.InvalidPath():
            made = SecretNotFound(
                f"Vault at {host} has nothing at {path} any more: it was removed there, or the mount is another."
            )
        case exceptions.InvalidRequest():
            made = VaultRefused(
                f"Vault at {host} does not accept what Grove asks at {path}: is the mount a KV of version 2, and "
                "are role id and secret id right?"
            )
        case exceptions.VaultError():
            kind = type(error).__name__
            made = VaultUnreachable(f"Vault at {host} answered with an error ({kind}).")
        case OSError():  # what the HTTP library of hvac raises
            made = VaultUnreachable(_of_the_network(error, host))
        case _:
            made = VaultUnreachable(
                f"What answers at {host} is not Vault, or its answer was cut off."
            )
    return made


def _of_the_network(error: OSError, host: str) -> str:
    kind = type(error).__name__
    if kind == "SSLError":
        return (
            f"The certificate of Vault at {host} is not one that Grove trusts. Name its CA "
            "(GROVE_VAULT_CA_FILE, or on the page of secrets)."
        )
    if "Timeout" in kind:
        seconds = settings.VAULT_TIMEOUT_SECONDS
        return f"Vault at {host} did not answer within {seconds} seconds. Try again when it does."
    return f"Vault at {host} cannot be reached. Is it running, and is the network up?"


def _ca_file(pem: str) -> str:
    """A file with this CA, as the HTTP library wants it; written once."""
    if not pem:
        return ""
    folder = Path(settings.STATE_DIR) / "vault"
    path = folder / f"{hashlib.sha256(pem.encode()).hexdigest()}.pem"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        aside.write_text(pem)
        aside.rename(path)
    return str(path)
