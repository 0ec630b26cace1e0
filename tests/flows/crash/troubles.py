"""What else goes wrong while workers die: with the messages, the broker, the database."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from benchmarks.stage import Stage
from grove_site.embedded import provision
from grove_site.embedded.postgres import EmbeddedPostgres

TWICE = """
CREATE OR REPLACE FUNCTION pgmq.trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        EXECUTE format('INSERT INTO %I.%I (vt, message, headers) VALUES ($1.vt, $1.message, $1.headers)',
                       TG_TABLE_SCHEMA, TG_TABLE_NAME) USING NEW;
    END IF;
    RETURN NULL;
END $$
"""
NEVER = """
CREATE OR REPLACE FUNCTION pgmq.trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DELETE FROM %I.%I WHERE msg_id = $1', TG_TABLE_SCHEMA, TG_TABLE_NAME) USING NEW.msg_id;
    RETURN NULL;
END $$
"""


class CrashStage(Stage):
    """A stage whose broker is a server of its own, so that it can be stopped alone."""

    def __enter__(self) -> "CrashStage":
        super().__enter__()
        from django.conf import settings

        from grove_site.celery import app

        self.broker = EmbeddedPostgres(self.state / "broker").start()
        provision.create_roles(superuser_url=self.broker.url(), password_of=self.broker.password)
        queue = provision.NAMES.queue
        provision.create_database(superuser_url=self.broker.url(), name=queue)
        address = self.broker.url(database=queue, role=provision.APP)
        provision.install_queue(
            owner_url=self.broker.url(database=queue, role=provision.OWNER), app_url=address
        )
        told = address.replace("postgresql", "pgmq", 1)
        self.env["BROKER_URL"] = told
        settings.CELERY_BROKER_URL = app.conf.broker_url = told
        app.conf.broker_transport_options["conn_string"] = address
        return self

    def __exit__(self, *exception: object) -> None:
        self.broker.stop()
        super().__exit__(*exception)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """`strike` comes again and again at random instants; `around` holds for the whole time."""

    name: str
    strike: Callable[[CrashStage], None] | None = None
    trigger: str = ""

    @property
    def slug(self) -> str:
        return self.name.lower().replace(" ", "-")

    @contextmanager
    def around(self, stage: CrashStage) -> Iterator[None]:
        if not self.trigger:
            yield
            return
        queue = stage.broker.url(database=provision.NAMES.queue)
        with psycopg.connect(queue, autocommit=True) as connection:
            connection.execute(self.trigger)
            for (name,) in connection.execute("SELECT queue_name FROM pgmq.meta").fetchall():
                connection.execute(
                    f"CREATE TRIGGER trouble AFTER INSERT ON pgmq.q_{name} "
                    "FOR EACH ROW EXECUTE FUNCTION pgmq.trouble()"
                )
        try:
            yield
        finally:
            with psycopg.connect(queue, autocommit=True) as connection:
                connection.execute("DROP FUNCTION pgmq.trouble() CASCADE")


def restart(server: EmbeddedPostgres) -> None:
    """As `pg_ctl stop -m immediate` and a start: nothing is written, the log is replayed."""
    assert server.process is not None
    port = server.port
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait(30)
    server.start()
    assert server.port == port, "The server came back at another port."


TROUBLES = (
    Trouble(name="workers killed"),
    Trouble(name="and every message doubled", trigger=TWICE),
    Trouble(name="and every message lost", trigger=NEVER),
    Trouble(name="and the broker restarted", strike=lambda stage: restart(stage.broker)),
    Trouble(name="and PostgreSQL restarted", strike=lambda stage: restart(stage.postgres)),
)
