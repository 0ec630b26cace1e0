"""django-tenants' PostgreSQL backend for shared tables under row-level security.

`connection.set_tenant(tenant)` stays the one interface, but what travels to the server is the setting
`app.tenant_id`, never a search_path: in one pipeline with the next statement, and only when the
physical connection disagrees.

Session mode: the setting lives on the physical connection (direct connections and Django's pool).
Local mode: the setting lives in each transaction (PgBouncer in transaction pooling).
"""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from django.conf import settings
from django_tenants.postgresql_backend import base as django_tenants_base
from psycopg.pq import TransactionStatus

from tenancy.pgbackend import straight
from tenancy.pgbackend.straight import Sending, Statement

SESSION = "SELECT pg_catalog.set_config('app.tenant_id', %s, false)"
LOCAL = "SELECT pg_catalog.set_config('app.tenant_id', %s, true)"


class DatabaseWrapper(django_tenants_base.DatabaseWrapper):
    """One connection of Django's, and the tenant that it works for."""

    @property
    def wanted_tenant(self) -> str:
        """The tenant's id as the server knows it; nobody's is the empty string, which matches no row."""
        return str(getattr(self.tenant, "pk", None) or "")

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:  # noqa: FBT001, FBT002
        """Nothing is sent here: the next statement carries it."""
        self.tenant = tenant
        self.schema_name = tenant.schema_name
        self.include_public_schema = include_public

    def set_schema(
        self,
        schema_name: str,
        include_public: bool = True,  # noqa: FBT001, FBT002 - django-tenants' signature
        tenant_type: Any = None,
    ) -> None:
        """django-tenants and the Celery integration know a tenant by name only: find it."""
        from django_tenants.utils import (  # noqa: PLC0415 - models are not ready where backends load
            get_public_schema_name,
            get_tenant_model,
        )

        if schema_name in (None, get_public_schema_name()):
            return self.set_tenant(
                django_tenants_base.FakeTenant(schema_name=get_public_schema_name())
            )
        return self.set_tenant(get_tenant_model().objects.get(schema_name=schema_name))

    def server_cursor(self) -> psycopg.Cursor[Any]:
        """A tenant-safe cursor that binds on the server: for bytea arrays and prepared statements."""
        self.ensure_connection()
        cursor = _tenant_cursor(psycopg.Cursor)(self.connection)
        cursor.tenant_wrapper = self
        return cast("psycopg.Cursor[Any]", cursor)

    @contextmanager
    def straight(self) -> Iterator[Sending]:
        """A pipeline of prepared statements without cursors, for this tenant: see straight.py.

        Outside a transaction all of it is one, committed where the block ends.
        """
        self.ensure_connection()
        connection, wanted = self.connection, self.wanted_tenant
        with self.wrap_database_errors:
            straight.refuse_meanwhile(connection)
        must_tell = _must_tell(connection, wanted)
        prepares = not settings.RLS_LOCAL
        try:
            with (
                self.wrap_database_errors,
                straight.sending(connection, prepares=prepares) as sending,
            ):
                if must_tell:
                    sending.tell(_statement().replace("%s", "$1").encode(), wanted.encode())
                    connection.believed_tenant = wanted
                yield sending
        except BaseException:
            self._forget()
            raise

    def ask(self, statement: Statement, *parameters: bytes) -> Any:
        """What this one statement gives, straight."""
        with self.straight() as sending:
            sending.send(statement, *parameters)
        return sending.answers[0]

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        cursor.tenant_wrapper = self
        return cursor

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """One that works: where the first of the pool broke while it lay there, all are looked at and replaced at once.

        A pool that looks by itself before it gives each asks the server, and waits longer after each that broke.
        """
        connection = super().get_new_connection(conn_params)
        while self.pool and _is_broken(connection):
            self.pool.putconn(connection)
            self.pool.check()
            connection = super().get_new_connection(conn_params)
        if not getattr(connection.cursor_factory, "is_tenant_safe", False):
            connection.cursor_factory = _tenant_cursor(connection.cursor_factory)
            connection.server_cursor_factory = _refuse_server_side_cursor
        return connection

    def _handle_search_path(self, cursor: Any = None) -> None:
        """The search path is never touched."""

    def _close(self) -> Any:
        if self.connection is not None:
            status = self.connection.info.transaction_status
            if status != TransactionStatus.IDLE:  # what was set in this transaction will be undone
                self._forget()
        return super()._close()

    def rollback(self) -> None:
        super().rollback()
        self._forget()

    def savepoint_rollback(self, sid: str) -> None:
        super().savepoint_rollback(sid)
        self._forget()

    def _forget(self) -> None:
        """A rollback on the server undoes set_config: believe nothing about this connection."""
        if self.connection is not None:
            self.connection.believed_tenant = None
            straight.forget(self.connection)


def _is_broken(connection: "psycopg.Connection[Any]") -> bool:
    """Whether the server has closed this idle connection. What it said before is taken in; nothing is asked."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    try:
        while poll.poll(0):
            connection.pgconn.consume_input()
    except psycopg.Error:
        return True
    return False


def _refuse_server_side_cursor(*args: Any, **kwargs: Any) -> Any:
    message = "Server-side cursors are not tenant-safe: set DISABLE_SERVER_SIDE_CURSORS."
    raise RuntimeError(message)


_classes: dict[type[Any], type[Any]] = {}


def _tenant_cursor(base: type[Any]) -> type[Any]:
    """A subclass of this psycopg cursor that sets the tenant before whatever it sends."""
    if base not in _classes:
        _classes[base] = type(f"Tenant{base.__name__}", (_TenantCursor, base), {})
    return _classes[base]


class _TenantCursor:
    is_tenant_safe = True
    tenant_wrapper: DatabaseWrapper | None = None
    connection: Any

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return self._with_tenant(super().execute, query, params, **options)  # type: ignore[misc]

    def executemany(self, query: Any, params: Any, **options: Any) -> Any:
        return self._with_tenant(super().executemany, query, params, **options)  # type: ignore[misc]

    def copy(self, *args: Any, **options: Any) -> Any:
        self._tenant_first()
        return super().copy(*args, **options)  # type: ignore[misc]

    def stream(self, *args: Any, **options: Any) -> Any:
        self._tenant_first()
        return super().stream(*args, **options)  # type: ignore[misc]

    def _with_tenant(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        wrapper, connection = self.tenant_wrapper, self.connection
        straight.refuse_meanwhile(connection)
        if wrapper is None:
            return call(*args, **options)
        wanted = wrapper.wanted_tenant
        if not _must_tell(connection, wanted):
            return call(*args, **options)
        with connection.pipeline():  # one round trip: [BEGIN,] set_config, statement
            connection.execute(_statement(), (wanted,))
            result = call(*args, **options)
        connection.believed_tenant = wanted
        return result

    def _tenant_first(self) -> None:
        """COPY and stream cannot be pipelined: one more round trip. A cursor without a tenant sees no row."""
        connection = self.connection
        idle = connection.info.transaction_status == TransactionStatus.IDLE
        if settings.RLS_LOCAL and idle and connection.autocommit:
            message = "COPY and stream need a transaction in local mode."
            raise RuntimeError(message)
        wanted = self.tenant_wrapper.wanted_tenant if self.tenant_wrapper else ""
        if settings.RLS_LOCAL or getattr(connection, "believed_tenant", "") != wanted:
            _tell(connection, wanted)


def _must_tell(connection: Any, wanted: str) -> bool:
    """Whether the server does not know yet whose rows the next statement is about."""
    if not settings.RLS_LOCAL:
        return bool(getattr(connection, "believed_tenant", "") != wanted)
    if connection.info.transaction_status != TransactionStatus.IDLE:
        return bool(getattr(connection, "believed_tenant", None) != wanted)
    if (
        not wanted
    ):  # nothing is set where a transaction starts, and CREATE DATABASE cannot share one
        connection.believed_tenant = ""
    return bool(wanted)


def _tell(connection: Any, wanted: str) -> None:
    connection.execute(_statement(), (wanted,))
    connection.believed_tenant = wanted


def _statement() -> str:
    return LOCAL if settings.RLS_LOCAL else SESSION
