"""What people do while workers die: they start runs, decide what is asked of them, and let go on what was interrupted.

Whoever gets no answer asks again; with the same idempotency key where that would start a run twice.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.db import InterfaceError, OperationalError, connections

from runs import resume, start, waits
from runs.errors import AnswerRefused, RunNotResumable
from runs.models import NodeExecution, Run, RunStatus, Wait
from runs.models.states import TERMINAL
from tenancy import actors
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tests.flows.crash.graphs import MadeGraph

CROWD = 16  # runs under way at once
ROB = Actor(kind="user", id="01900000-0000-7000-8000-000000000001", name="Rob")
Answer = TypeVar("Answer")
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class People:
    """Of one tenant. `names` is what the world calls each run that they started."""

    def __init__(self, tenant: Tenant, made: Sequence[tuple[Any, MadeGraph]]) -> None:
        self.names: dict[UUID, str] = {}
        self._tenant = tenant
        self._numbers = itertools.count(1)
        self._made = itertools.cycle(made)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="people", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def start_one(self) -> Run:
        version, graph = next(self._made)
        name = f"{self._tenant.slug}-run-{next(self._numbers)}"
        run = insist(
            lambda: start.start(
                version=version,
                run_input={"run": name, "n": graph.n},
                by=actors.SYSTEM,
                idempotency_key=name,
            )
        )
        self.names[run.pk] = name
        return run

    def _work(self) -> None:
        with tenant_context(self._tenant):
            while not self._stopping.is_set():
                insist(decide_all)
                for _ in range(CROWD - insist(Run.objects.exclude(status__in=TERMINAL).count)):
                    self.start_one()
                self._stopping.wait(0.1)
        connections.close_all()


def decide_all() -> int:
    """Answer every open question; what is answered depends on the node only. Returns how many."""
    decided = 0
    for wait in Wait.objects.filter(answered_at=None, withdrawn_at=None):
        refused = int(wait.node_id[-1]) % 2
        verdict = waits.REFUSED if refused else waits.APPROVED
        try:
            waits.decide(wait=wait, verdict=verdict, reason="Seen.", by=ROB, role="reviewer")
        except AnswerRefused:  # the run has ended meanwhile
            continue
        decided += 1
    return decided


def resume_all(code: str) -> int:
    """Let go on what failed with this code. Returns how many runs did."""
    resumed = 0
    for run in Run.objects.filter(status=RunStatus.FAILED, error_code=code, parent_run=None):
        try:
            resume.resume(run=run, by=ROB)
        except RunNotResumable:
            continue
        resumed += 1
    return resumed


def is_at_rest() -> bool:
    """Nothing in the current tenant goes on by itself: whatever waits, waits for people in the end.

    What is read in several statements counts only if nothing moved between the first and the last.
    """
    before = _progress()
    return _seems_at_rest() and _progress() == before


def _progress() -> set[Any]:
    return set(Run.objects.values_list("id", "status", "event_seq"))


def _seems_at_rest() -> bool:
    if Run.objects.filter(status__in=(RunStatus.QUEUED, RunStatus.RUNNING)).exists():
        return False
    rows = NodeExecution.objects.filter(run__status=RunStatus.WAITING, finished_at=None)
    asked = [row.waits_for or {} for row in rows.exclude(kind__in=("for_each", "refine"))]
    questions = [each["wait"] for each in asked if each.get("kind") == "approval"]
    children = [each["run"] for each in asked if each.get("kind") == "child"]
    still_open = Wait.objects.filter(pk__in=questions, answered_at=None).count()
    still_waiting = Run.objects.filter(pk__in=children, status=RunStatus.WAITING).count()
    return still_open + still_waiting == len(asked)


def insist(ask: Callable[[], Answer]) -> Answer:
    """Ask until the database answers."""
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError, psycopg.OperationalError):
            forget_connections()
            time.sleep(0.05)


def forget_connections() -> None:
    """Those to a server that was stopped are of no use, nor is a pool that waits ever longer before it tries again."""
    for connection in connections.all():
        connection.close()
        connection.close_pool()
