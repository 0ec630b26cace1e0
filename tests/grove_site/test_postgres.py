"""The embedded PostgreSQL, for real: started, killed, started again, its roles tried one by one."""

import io
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from grove_site.embedded import postgres, provision
from grove_site.embedded.errors import NoPostgres
from grove_site.embedded.postgres import EmbeddedPostgres
from tests.runs.making import PATIENCE_SECONDS

NAMES = provision.NAMES


@pytest.fixture
def state() -> Iterator[Path]:
    """Not pytest's own folder: as root that may not be entered by PostgreSQL's account."""
    folder = Path(tempfile.mkdtemp(prefix="grove-postgres-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def provisioned() -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="grove-postgres-"))
    folder.chmod(0o755)
    with EmbeddedPostgres(folder, durable=False) as server:
        for _ in range(2):  # safe to repeat
            provision.create_roles(superuser_url=server.url(), password_of=server.password)
            provision.create_databases(
                superuser_url=server.url(),
                url=lambda name, role: server.url(database=name, role=role),
            )
        yield server
    shutil.rmtree(folder)


def kill(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(PATIENCE_SECONDS)


def test_a_killed_server_starts_again_on_its_port_with_its_data(state: Path) -> None:
    first = EmbeddedPostgres(state).start()
    with psycopg.connect(first.url()) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    kill(first)

    with EmbeddedPostgres(state) as second:
        with psycopg.connect(second.url()) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert second.port == first.port


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(state: Path) -> None:
    with EmbeddedPostgres(state, durable=False) as server:
        pid_file = server.data / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")

    with EmbeddedPostgres(state, durable=False) as server:
        assert not server.has_ended()


def test_a_server_left_behind_is_stopped_first(state: Path) -> None:
    left = EmbeddedPostgres(state, durable=False).start()

    with EmbeddedPostgres(state, durable=False) as server:
        psycopg.connect(server.url()).close()

    assert left.process is not None
    assert left.process.wait(PATIENCE_SECONDS) == 0


def test_passwords_are_readable_by_nobody_else(state: Path) -> None:
    server = EmbeddedPostgres(state)

    password = server.password("grove_app")

    assert server.password("grove_app") == password
    assert (state / "passwords" / "grove_app").stat().st_mode & 0o777 == 0o600
    assert (state / "passwords").stat().st_mode & 0o777 == 0o700


def test_debians_binaries_serve_where_the_wheel_is_missing(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not list(postgres.DEBIAN_FOLDERS.glob("*/bin/initdb")):
        pytest.skip("Debian's server is not installed here")
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)

    with (
        EmbeddedPostgres(state, durable=False) as server,
        psycopg.connect(server.url()) as connection,
    ):
        assert connection.info.server_version >= 150000


def test_without_any_binaries_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    monkeypatch.setattr(postgres, "DEBIAN_FOLDERS", tmp_path)

    with pytest.raises(NoPostgres, match="DATABASE_URL"):
        postgres.find_binaries()


def test_state_below_a_closed_folder_is_moved_where_the_account_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL as somebody else")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    elsewhere = Path(tempfile.mkdtemp(prefix="grove-elsewhere-"))
    monkeypatch.setattr(postgres, "FOLDER_FOR_ROOT", elsewhere)

    with EmbeddedPostgres(closed / "state", durable=False) as server:
        assert server.data.is_relative_to(elsewhere)
    shutil.rmtree(elsewhere)


def test_binaries_that_the_account_may_not_read_are_copied(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL as somebody else")
    original = postgres.find_binaries()
    package = original.parent.parent
    hidden = tmp_path / package.name
    hidden.symlink_to(package)
    libraries = package.with_name(f"{package.name}.libs")
    (tmp_path / libraries.name).symlink_to(libraries)
    tmp_path.chmod(0o700)
    binaries = hidden / original.parent.name / "bin"
    monkeypatch.setattr(postgres, "find_binaries", lambda: binaries)

    with EmbeddedPostgres(state, durable=False) as server:
        assert server.process is not None
        assert str(server.process.args[0]).startswith(str(server.home))  # type: ignore[index]


@pytest.mark.parametrize(
    ("role", "database", "may"),
    [
        (provision.APP, NAMES.main, True),
        (provision.APP, NAMES.keys, True),
        (provision.APP, NAMES.queue, True),
        (provision.APP, "postgres", True),  # PostgreSQL's own, which is empty
        (provision.AUDITOR, NAMES.main, True),
        (provision.AUDITOR, NAMES.keys, False),  # an auditor verifies without the keys
        (provision.AUDITOR, NAMES.queue, False),
        (provision.BACKUP, NAMES.main, True),
        (provision.BACKUP, NAMES.keys, True),
    ],
)
def test_role_reaches_its_databases_only(
    provisioned: EmbeddedPostgres, role: str, database: str, may: bool
) -> None:
    url = provisioned.url(database=database, role=role)

    if may:
        psycopg.connect(url).close()
    else:
        with pytest.raises(psycopg.OperationalError, match="CONNECT"):
            psycopg.connect(url)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE t (n int)", "CREATE SCHEMA s", "CREATE DATABASE d"]
)
def test_serving_role_makes_nothing(provisioned: EmbeddedPostgres, statement: str) -> None:
    url = provisioned.url(database=NAMES.main, role=provision.APP)

    with (
        psycopg.connect(url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("role", provision.READ_ONLY)
def test_reading_roles_begin_read_only(provisioned: EmbeddedPostgres, role: str) -> None:
    with psycopg.connect(provisioned.url(database=NAMES.main, role=role)) as connection:
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)


def test_only_the_backup_role_passes_row_level_security(provisioned: EmbeddedPostgres) -> None:
    with psycopg.connect(provisioned.url()) as connection:
        found = connection.execute(
            "SELECT rolname::text FROM pg_roles WHERE rolbypassrls AND NOT rolsuper"
        ).fetchall()

    assert found == [(provision.BACKUP,)]


def test_queue_takes_and_gives_a_message(provisioned: EmbeddedPostgres) -> None:
    url = provisioned.url(database=NAMES.queue, role=provision.APP)

    with psycopg.connect(url) as connection:
        connection.execute("SELECT pgmq.create('tried')")
        connection.execute("SELECT pgmq.send('tried', '{\"a\": 1}')")
        taken = connection.execute("SELECT message FROM pgmq.read('tried', 30, 1)").fetchone()

    assert taken == ({"a": 1},)


def test_a_server_of_ones_own_is_provisioned_by_command(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROVE_APP_PASSWORD", "chosen")
    printed = io.StringIO()
    with EmbeddedPostgres(state, durable=False) as server:
        call_command("provision", server.url(), stdout=printed)
        addresses = dict(line.split("=", 1) for line in printed.getvalue().splitlines())

        for name in ("DATABASE_URL", "KEYS_DATABASE_URL", "OWNER_DATABASE_URL"):
            psycopg.connect(addresses[name]).close()

    assert "grove_app:chosen@" in addresses["DATABASE_URL"]
    assert addresses["BROKER_URL"].startswith("pgmq://grove_app:")


def test_a_server_that_is_down_refuses_provisioning_in_a_sentence() -> None:
    with pytest.raises(CommandError, match=r"The server at 127\.0\.0\.1 refused"):
        call_command("provision", "postgresql://postgres@127.0.0.1:1/postgres")


def test_backup_role_dumps_past_row_level_security(provisioned: EmbeddedPostgres) -> None:
    with psycopg.connect(provisioned.url(database=NAMES.main, role=provision.OWNER)) as connection:
        connection.execute("CREATE TABLE guarded (n int)")
        connection.execute("INSERT INTO guarded VALUES (42)")
        connection.execute("ALTER TABLE guarded ENABLE ROW LEVEL SECURITY")
        connection.execute("ALTER TABLE guarded FORCE ROW LEVEL SECURITY")
    pg_dump = postgres.find_binaries() / "pg_dump"
    if not pg_dump.exists():
        pytest.skip("no pg_dump beside the server")

    dump = subprocess.run(
        [pg_dump, provisioned.url(database=NAMES.main, role=provision.BACKUP)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "42" in dump.stdout
