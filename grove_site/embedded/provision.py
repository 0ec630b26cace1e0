"""Roles, databases and grants of an empty PostgreSQL, and the queue's SQL. Safe to repeat. Needs a superuser.

grove_owner    migrates and owns                     grove, grove_keys, grove_queue
grove_app      serves: reads and writes rows         grove, grove_keys, grove_queue
grove_auditor  reads what its policies show          grove
grove_backup   dumps: reads past row-level security  grove, grove_keys, grove_queue
"""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from pgmq.install import install_pgmq_from_sql
from psycopg import sql

OWNER, APP, AUDITOR, BACKUP = "grove_owner", "grove_app", "grove_auditor", "grove_backup"
ROLES = {OWNER: "NOBYPASSRLS", APP: "NOBYPASSRLS", AUDITOR: "NOBYPASSRLS", BACKUP: "BYPASSRLS"}
READ_ONLY = (AUDITOR, BACKUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The three databases; tests use other names on the same server."""

    main: str = "grove"
    keys: str = "grove_keys"
    queue: str = "grove_queue"


NAMES = Names()
Url = Callable[[str, str], str]  # (database, role) -> address; the superuser's role is ""


def create_roles(*, superuser_url: str, password_of: Callable[[str], str]) -> None:
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        present = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for role, bypass in ROLES.items():
            verb = "ALTER" if role in present else "CREATE"
            connection.execute(
                sql.SQL(
                    "{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION {} PASSWORD {}"
                ).format(
                    sql.SQL(verb),
                    sql.Identifier(role),
                    sql.SQL(bypass),
                    sql.Literal(password_of(role)),
                )
            )
            if role in READ_ONLY:
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(
                        sql.Identifier(role)
                    )
                )


def create_databases(*, superuser_url: str, url: Url, names: Names = NAMES) -> None:
    """Make what is missing, and say again who may connect."""
    for name in (names.main, names.keys, names.queue):
        create_database(superuser_url=superuser_url, name=name, audited=name == names.main)
    for name in (names.main, names.keys):
        with psycopg.connect(url(name, OWNER)) as connection:
            _grant_future_tables(connection)
    install_queue(owner_url=url(names.queue, OWNER), app_url=url(names.queue, APP))


def create_database(
    *, superuser_url: str, name: str, template: str = "template0", audited: bool = False
) -> None:
    database = sql.Identifier(name)
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    database, sql.Identifier(OWNER), sql.Identifier(template)
                )
            )
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for role in (APP, BACKUP, *([AUDITOR] if audited else [])):
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(role))
            )


def drop_database(*, superuser_url: str, name: str) -> None:
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


def install_queue(*, owner_url: str, app_url: str) -> None:
    """The queue's tables and functions, once. The serving role may create queues there and nothing elsewhere."""
    with psycopg.connect(owner_url) as connection:
        found = connection.execute("SELECT to_regclass('pgmq.meta')").fetchone()
        if found != (None,):
            return
        install_pgmq_from_sql(conn=connection)
        connection.execute(QUEUE_GRANTS)
    with psycopg.connect(app_url) as connection:
        connection.execute(FUTURE_QUEUES)


def _grant_future_tables(connection: psycopg.Connection) -> None:
    """Tables that Django or a library makes. Those of tenants get theirs from tenancy.rls instead."""
    connection.execute(FUTURE_TABLES)


FUTURE_TABLES = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO grove_app, grove_auditor, grove_backup;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO grove_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO grove_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO grove_backup;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO grove_backup;
"""

QUEUE_GRANTS = """
GRANT USAGE, CREATE ON SCHEMA pgmq TO grove_app;
GRANT USAGE ON SCHEMA pgmq TO grove_backup;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pgmq TO grove_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA pgmq TO grove_app;
GRANT SELECT ON ALL TABLES IN SCHEMA pgmq TO grove_backup;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgmq TO grove_app;
"""

FUTURE_QUEUES = """
ALTER DEFAULT PRIVILEGES IN SCHEMA pgmq GRANT SELECT ON TABLES TO grove_backup;
"""
