"""What people do while workers die: they start runs, cancel some, decide what is asked of them, call back where they
are asked to, and let go on what was interrupted.

Whoever gets no answer asks again; with the same idempotency key where that would start a run twice.
"""

import itertools
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
import psycopg
from django.db import InterfaceError, OperationalError, connections
from django.db.models import Q

from runs import cancel, resume, start, waits
from runs.errors import AnswerRefused, RunNotCancellable, RunNotResumable
from runs.models import NodeExecution, Run, RunStatus, Wait, WaitKind
from runs.models.states import TERMINAL
from tenancy import actors
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tests.flows.crash.graphs import MadeGraph
from tests.flows.crash.world import Caller, World, word_for

CROWD = 16  # runs under way at once
CANCELS: Final = 0.1  # how often they cancel a run, each time they look
TOO_LATE: Final = 0.3  # how often they call back where they have called back before
ROB = Actor(kind="user", id="01900000-0000-7000-8000-000000000001", name="Rob")
Answer = TypeVar("Answer")
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class People:
    """Of one tenant. `names` is what the world calls each run that they started.

    `cancelled` are the runs that they cancelled, and whether they were told so; `taken` says how often an answer of
    theirs to a callback was taken.
    """

    def __init__(
        self, tenant: Tenant, made: Sequence[tuple[Any, MadeGraph]], world: World, *, seeded: int
    ) -> None:
        self.names: dict[UUID, str] = {}
        self.cancelled: dict[UUID, bool] = {}
        self.taken: Counter[Caller] = Counter()
        self._tenant = tenant
        self._world = world
        self._not_ours = self._called_back = len(
            world.addresses
        )  # those before are another tenant's
        self._chance = random.Random(seeded)  # noqa: S311 - not for secrets
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

    def answer_all(self) -> int:
        """Decide what is open, and call back where nobody has yet. Returns how many answers were taken."""
        taken = insist(_decide_all)
        addresses = self._world.addresses
        while self._called_back < len(addresses):
            caller, address = addresses[self._called_back]
            taken += self._call_back(caller, address, {"word": word_for(caller[1])})
            self._called_back += 1
        return taken

    def _work(self) -> None:
        with tenant_context(self._tenant):
            while not self._stopping.is_set():
                self.answer_all()
                self._call_back_again()
                self._cancel_one()
                for _ in range(CROWD - insist(Run.objects.exclude(status__in=TERMINAL).count)):
                    self.start_one()
                self._stopping.wait(0.1)
        connections.close_all()

    def _call_back(self, caller: Caller, address: str, answer: Any) -> bool:
        token = address.rpartition("/")[2]
        try:
            insist(lambda: waits.answer_callback(token, orjson.dumps(answer)))
        except AnswerRefused:  # answered already, by an attempt that was lost, or the run has ended
            return False
        self.taken[caller] += 1
        return True

    def _call_back_again(self) -> None:
        """Too late, and something else: that never counts."""
        ours = self._world.addresses[self._not_ours : self._called_back]
        if ours and self._chance.random() < TOO_LATE:
            caller, address = self._chance.choice(ours)
            self._call_back(caller, address, {"word": "too late"})

    def _cancel_one(self) -> None:
        if self._chance.random() > CANCELS:
            return
        under_way = Run.objects.exclude(status__in=TERMINAL).filter(parent_run=None)
        runs = insist(lambda: list(under_way.order_by("id")))
        if not runs:
            return
        run = self._chance.choice(runs)
        self.cancelled.setdefault(run.pk, False)
        try:
            insist(lambda: cancel.cancel(run=run, by=ROB))
        except (
            RunNotCancellable
        ):  # it ended meanwhile, or nobody was told that it had been cancelled
            return
        self.cancelled[run.pk] = True


def _decide_all() -> int:
    """Decide every open question; what is decided depends on the node only. Returns how many."""
    decided = 0
    open_ones = Wait.objects.filter(answered_at=None, withdrawn_at=None, kind=WaitKind.APPROVAL)
    for wait in open_ones:
        refused = int(wait.node_id[-1]) % 2
        verdict = waits.REFUSED if refused else waits.APPROVED
        try:
            waits.decide(wait=wait, verdict=verdict, reason="Seen.", by=ROB, role="reviewer")
        except AnswerRefused:  # the run has ended meanwhile
            continue
        decided += 1
    return decided


def resume_all(code: str) -> int:
    """Let go on what failed with this code, itself or in an entry of a for_each. Returns how many runs did."""
    resumed = 0
    because = Q(error_code=code) | Q(error_sentence__contains=f"({code})")
    for run in Run.objects.filter(because, status=RunStatus.FAILED, parent_run=None):
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
    questions = [each["wait"] for each in asked if "wait" in each]
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
