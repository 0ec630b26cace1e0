"""One PostgreSQL for a whole test run, migrated once, and a copy of its databases for each process of the run."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from grove_site.embedded import provision
from grove_site.embedded.postgres import EmbeddedPostgres
from tests import kept_cluster
from tests.kept_cluster import TEMPLATE

ALIASES = {"default": "main", "keys": "keys"}


@dataclass(frozen=True, slots=True)
class Databases:
    """The databases of one process of the run; addresses for every role."""

    server: EmbeddedPostgres
    names: provision.Names

    def url(self, alias: str = "default", role: str = provision.APP) -> str:
        return self.server.url(database=getattr(self.names, ALIASES[alias]), role=role)

    @property
    def broker_url(self) -> str:
        return self.server.url(database=self.names.queue, role=provision.APP, scheme="pgmq")

    def make(self) -> None:
        """As they are migrated: whatever is there of the same names goes."""
        for part in ("main", "keys"):
            provision.drop_database(superuser_url=self.server.url(), name=getattr(self.names, part))
        for part in ("main", "keys", "queue"):
            provision.create_database(
                superuser_url=self.server.url(),
                name=getattr(self.names, part),
                template=getattr(TEMPLATE, part),
                audited=part == "main",
            )
        self._empty_queues()

    def renew(self) -> None:
        """Without the tenants that tests have left: chores, workers and whole reports go through all there are."""
        for alias in ALIASES:
            connections[alias].close()
            connections[alias].close_pool()
        self.make()

    def _empty_queues(self) -> None:
        """Of messages about what is gone. The database stays: this process is connected to it."""
        with psycopg.connect(self.server.url(database=self.names.queue)) as connection:
            for (name,) in connection.execute("SELECT queue_name FROM pgmq.meta").fetchall():
                queue = sql.Identifier("pgmq", f"q_{name}")
                connection.execute(sql.SQL("DELETE FROM {}").format(queue))


class TestServer:
    """The server with its three migrated templates. Lives in the process that started the run."""

    __test__ = False

    def __init__(self, state: Path) -> None:
        self.postgres = EmbeddedPostgres(state, durable=False)

    @classmethod
    def started(cls, state: Path) -> Self:
        """With the databases of an earlier run, where nothing that they are made from has changed."""
        server = cls(state)
        if not kept_cluster.unpack(server.postgres):
            server._make_templates()
            server.postgres.stop()
            kept_cluster.keep(server.postgres)
        server.postgres.start()
        return server

    def _make_templates(self) -> None:
        postgres = self.postgres.start()
        provision.create_roles(superuser_url=postgres.url(), password_of=postgres.password)
        provision.create_databases(
            superuser_url=postgres.url(),
            url=lambda name, role: postgres.url(database=name, role=role),
            names=TEMPLATE,
        )
        for alias in ALIASES:
            use(Databases(postgres, TEMPLATE), alias, provision.OWNER)
        call_command("migrate_databases", verbosity=0)
        for alias in ALIASES:
            connections[alias].close()
            connections[alias].close_pool()

    @classmethod
    def running(cls, state: Path, port: int) -> Self:
        """The server that another process of this run has started."""
        server = cls(state)
        server.postgres.port = port
        return server

    def copy_databases(self, suffix: str) -> Databases:
        names = provision.Names(
            main=f"grove_{suffix}", keys=f"grove_keys_{suffix}", queue=f"grove_queue_{suffix}"
        )
        databases = Databases(self.postgres, names)
        databases.make()
        return databases

    def stop(self) -> None:
        self.postgres.stop()
        shutil.rmtree(self.postgres.home, ignore_errors=True)


def use(databases: Databases, alias: str, role: str) -> None:
    """Point an alias of Django's at a database, for connections that are yet to be made."""
    connections[alias].settings_dict.update(
        NAME=getattr(databases.names, ALIASES[alias]),
        USER=role,
        PASSWORD=databases.server.password(role),
        HOST="127.0.0.1",
        PORT=str(databases.server.port),
    )
