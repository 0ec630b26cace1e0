"""Keeps runs coming, as people and programs do: whoever got no answer asks again with the same idempotency key."""

import itertools
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from django.db import Error, connections

from runs import start
from runs.models import Run, RunStatus
from runs.models.states import TERMINAL
from tenancy import actors
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tests.flows.crash.graphs import MadeGraph

CROWD = 16  # runs under way at once
AT_REST = (*TERMINAL, RunStatus.WAITING)
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class Feeder:
    """Starts runs of these versions in turn. `names` is what the world calls each run."""

    def __init__(self, tenant: Tenant, made: Sequence[tuple[Any, MadeGraph]]) -> None:
        self.names: dict[UUID, str] = {}
        self._tenant = tenant
        self._numbers = itertools.count(1)
        self._made = itertools.cycle(made)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def start_one(self) -> Run:
        """One more run, however often the database has to be asked."""
        version, graph = next(self._made)
        name = f"{self._tenant.slug}-run-{next(self._numbers)}"
        while True:
            try:
                run = start.start(
                    version=version,
                    run_input={"run": name, "n": graph.n},
                    by=actors.SYSTEM,
                    idempotency_key=name,
                )
            except (Error, psycopg.Error):
                forget_connections()
                time.sleep(0.05)
            else:
                self.names[run.pk] = name
                return run

    def _feed(self) -> None:
        with tenant_context(self._tenant):
            while not self._stopping.is_set():
                if under_way() < CROWD:
                    self.start_one()
                else:
                    time.sleep(0.02)
        connections.close_all()


def under_way() -> int:
    """Runs of the current tenant that are neither at their end nor parked."""
    while True:
        try:
            return Run.objects.exclude(status__in=AT_REST).count()
        except (Error, psycopg.Error):
            forget_connections()
            time.sleep(0.05)


def forget_connections() -> None:
    """Those to a server that was stopped are of no use, nor is a pool that waits ever longer before it tries again."""
    for connection in connections.all():
        connection.close()
        connection.close_pool()
