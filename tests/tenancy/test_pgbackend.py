"""Every kind of cursor sees the rows of its tenant, of nobody else, and without a tenant none; in both modes."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from psycopg_pool import ConnectionPool

from tenancy.context import tenant_context
from tenancy.errors import NoTenant
from tenancy.models import Secret, Tenant
from tests.runs.making import PATIENCE_SECONDS, in_threads, wait_until

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

NAMES = "SELECT name FROM tenancy_secret ORDER BY name"


def _execute() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(NAMES)
        return [row[0] for row in cursor.fetchall()]


def _execute_in_a_transaction() -> list[str]:
    with transaction.atomic():
        return _execute()


def _executemany() -> list[str]:
    found: list[str] = []
    with connection.cursor() as cursor:
        raw = cursor.cursor
        raw.executemany(
            "SELECT name FROM tenancy_secret WHERE %s > 0", [(1,), (2,)], returning=True
        )
        more: Any = True
        while more:
            found += [row[0] for row in raw.fetchall()]
            more = raw.nextset()
    return sorted(set(found))


def _copy() -> list[str]:
    copy = f"COPY ({NAMES}) TO STDOUT"
    with transaction.atomic(), connection.cursor() as cursor, cursor.cursor.copy(copy) as rows:
        return [row[0] for row in rows.rows()]


def _stream() -> list[str]:
    with transaction.atomic(), connection.cursor() as cursor:
        return [row[0] for row in cursor.cursor.stream(NAMES)]


def _bound_on_the_server() -> list[str]:
    with connection.server_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT name FROM tenancy_secret WHERE %s ORDER BY name", (True,))
        return [row[0] for row in cursor.fetchall()]


READERS = [
    _execute,
    _execute_in_a_transaction,
    _executemany,
    _copy,
    _stream,
    _bound_on_the_server,
]


@pytest.fixture(params=["session", "local"])
def mode(request: pytest.FixtureRequest, settings: Any) -> Iterator[str]:
    """A fresh physical connection in each mode: what an earlier one believed must not help."""
    _forget_connections()
    settings.RLS_LOCAL = request.param == "local"
    yield request.param
    _forget_connections()


def _forget_connections() -> None:
    connection.close()
    connection.close_pool()


@pytest.fixture
def secrets(mode: str, acme: Tenant, beta: Tenant) -> None:
    for tenant, name in ((acme, "of-acme"), (beta, "of-beta")):
        with tenant_context(tenant), transaction.atomic():
            Secret.objects.create(name=name)


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__.strip("_"))
def test_a_cursor_sees_its_tenant_only(
    secrets: None, acme: Tenant, beta: Tenant, read: Callable[[], list[str]]
) -> None:
    with tenant_context(acme):
        assert read() == ["of-acme"]
    with tenant_context(beta):
        assert read() == ["of-beta"]
    assert read() == []
    with tenant_context(acme):
        assert read() == ["of-acme"]


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__.strip("_"))
def test_a_cursor_that_another_tenant_used_before_gives_nothing_away(
    secrets: None, acme: Tenant, read: Callable[[], list[str]]
) -> None:
    with tenant_context(acme):
        _execute()

    assert read() == []


def test_iterator_of_the_orm_sees_its_tenant_only(
    secrets: None, acme: Tenant, beta: Tenant
) -> None:
    with tenant_context(acme):
        assert [secret.name for secret in Secret.objects.iterator()] == ["of-acme"]
    with tenant_context(beta):
        assert [secret.name for secret in Secret.objects.iterator()] == ["of-beta"]
    with pytest.raises(NoTenant):
        Secret.objects.iterator()


def test_named_cursors_are_refused(secrets: None, acme: Tenant) -> None:
    with tenant_context(acme):
        connection.ensure_connection()

        with pytest.raises(RuntimeError, match="not tenant-safe"):
            connection.connection.cursor(name="held")


def test_copy_and_stream_in_local_mode_need_a_transaction(settings: Any, acme: Tenant) -> None:
    settings.RLS_LOCAL = True
    with (
        tenant_context(acme),
        connection.cursor() as cursor,
        pytest.raises(RuntimeError, match="need a transaction"),
    ):
        cursor.cursor.copy("COPY (SELECT 1) TO STDOUT").__enter__()


def test_a_rolled_back_setting_is_sent_again(secrets: None, acme: Tenant, beta: Tenant) -> None:
    with tenant_context(acme):
        _execute()
    _execute_and_roll_back(beta)
    with tenant_context(beta):
        assert _execute() == ["of-beta"]
        with transaction.atomic():
            _execute_and_roll_back(beta)
            assert _execute() == ["of-beta"]


def _execute_and_roll_back(tenant: Tenant) -> None:
    with tenant_context(tenant), transaction.atomic():
        _execute()
        transaction.set_rollback(True)


def test_a_failed_statement_leaves_no_belief_behind(
    secrets: None, acme: Tenant, beta: Tenant
) -> None:
    with tenant_context(acme):
        _execute()
    with tenant_context(beta), connection.cursor() as cursor:
        with pytest.raises(Exception, match="division by zero"):
            cursor.execute("SELECT 1 / 0")
        cursor.execute(NAMES)
        assert cursor.fetchall() == [("of-beta",)]


def test_what_binds_on_the_server_is_prepared_there(acme: Tenant) -> None:
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s"
    with tenant_context(acme):
        _bound_on_the_server()
        _bound_on_the_server()

        with connection.cursor() as cursor:
            cursor.execute(prepared, ["SELECT name FROM tenancy_secret WHERE $1 %"])
            assert cursor.fetchone() == (1,)


def test_another_tenants_row_cannot_be_written(secrets: None, acme: Tenant, beta: Tenant) -> None:
    with tenant_context(acme), connection.cursor() as cursor:
        with pytest.raises(Exception, match="row-level security"):
            cursor.execute(
                "INSERT INTO tenancy_secret (id, tenant_id, name, created_at) "
                "VALUES (gen_random_uuid(), %s, 'planted', now())",
                [beta.pk],
            )
        cursor.execute("UPDATE tenancy_secret SET name = 'changed'")
        assert cursor.rowcount == 1


def test_the_serving_role_cannot_truncate_or_bypass(acme: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("grove_app", False)
    with (
        pytest.raises(Exception, match="permission denied") as refused,
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE tenancy_secret")
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)


def address_of_the_database() -> dict[str, Any]:
    """For a connection that is not Django's."""
    parameters = connection.get_connection_params()
    return {name: parameters[name] for name in ("host", "port", "user", "password", "dbname")}


def test_connections_that_broke_in_the_pool_are_given_to_nobody() -> None:
    all_have_one = threading.Barrier(5)

    def ask(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            all_have_one.wait(PATIENCE_SECONDS)

    in_threads(5, ask)
    address, pool = address_of_the_database(), connection.pool
    connection.close()
    wait_until(lambda: pool.get_stats()["pool_available"] >= 5)

    with psycopg.connect(**address, autocommit=True) as other:
        idle = "usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"
        stopped = other.execute(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {idle}"
        ).fetchall()
    assert len(stopped) >= 5

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_whoever_waits_for_a_connection_has_one_when_the_database_is_back() -> None:
    """However often its pool gave up: nobody else has to ask first."""
    is_away, gave_up = threading.Event(), threading.Event()
    options = connection.settings_dict["OPTIONS"]["pool"]

    class Connection(psycopg.Connection[Any]):
        @classmethod
        def connect(cls, *args: Any, **options: Any) -> Any:
            if is_away.is_set():
                raise psycopg.OperationalError("The database is away.")
            return super().connect(*args, **options)

    def try_again(pool: ConnectionPool[Any]) -> None:
        if not pool.get_stats()["pool_size"]:  # no attempt is left
            gave_up.set()
            is_away.clear()
        options["reconnect_failed"](pool)

    is_away.set()
    soon = options | {"reconnect_timeout": 0.01, "reconnect_failed": try_again}
    address = address_of_the_database()
    with (
        ConnectionPool(connection_class=Connection, kwargs=address, **soon) as pool,
        pool.connection(timeout=PATIENCE_SECONDS) as made,
    ):
        assert made.execute("SELECT 1").fetchone() == (1,)
    assert gave_up.is_set()
