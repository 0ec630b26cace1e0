"""The main road of a run, from claim to record. Read it top to bottom.

    wake       a message says that runs wait (a hint: it may be lost, late or doubled)
    claim      PostgreSQL gives each waiting run to one worker, with a fencing token
    drive      one thread per worker: takes what nodes brought back, plans, and writes ONE wave for all its runs;
               what is pure and small it runs on the spot, within the wave; what a node asks a model first is decided
               while PostgreSQL writes, made ready on its thread, and leaves with the commit (runs/first_calls.py)
    start      the other nodes that are ready, on the node pool (runs/node_pool.py), only after that commit
    park       a run of which everything left waits is given back, until something comes or is due
    tend       another thread: entry and heartbeat, a sweep for runs of lost workers, an eye on nodes that hang
    stop       begin nothing more, let end what runs, hand back what has not begun: no attempt is spent

PostgreSQL is the memory. Whatever is in this process may vanish at any instant.
"""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.timezone import now

from runs import claims, first_calls, hanging, taking_up, waits, writing
from runs.door import work
from runs.finish import settle_late
from runs.first_calls import Decided, FirstCalls
from runs.live_run import LiveRun, Start
from runs.models import Worker
from runs.node_pool import Attempt, NodePool
from runs.outcomes import Outcome
from runs.writing import Step
from tenancy.context import tenant_context

logger = logging.getLogger(__name__)

TEND_EVERY_SECONDS = 0.25
CLAIM_AT_ONCE = 20
STOP_WITHIN_SECONDS = 10


class Call(Enum):
    """Why a run is looked at, beside what its nodes bring."""

    BEGIN = "it has just been taken up"
    SIGNAL = "something that it waits for has come"
    ALARM = "something is due"


News = tuple[LiveRun, Outcome | Call]


class Executor:
    """Moves runs forward. One per worker process; `start` it, `wake` it, `stop` it.

    `step_down` is called when so many threads hang that only a new process helps; it leads to `stop`.
    """

    def __init__(
        self,
        *,
        node_threads: int = 0,
        run_slots: int = 0,
        step_down: Callable[[], None] = lambda: None,
    ) -> None:
        self._slots = run_slots or settings.RUN_SLOTS
        self._pool = NodePool(size=node_threads or settings.NODE_THREADS, work=self._run_node)
        self._step_down = step_down
        self._is_stepping_down = False
        self._inbox: SimpleQueue[News | None] = SimpleQueue()
        self._alarms: list[tuple[datetime, int, LiveRun]] = []
        self._counter = itertools.count()
        self._held: dict[UUID, LiveRun] = {}
        self._claiming = threading.Lock()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._driver = threading.Thread(target=self._drive, name="driver", daemon=True)
        self._tender = threading.Thread(target=self._tend, name="tender", daemon=True)
        self.worker: Worker | None = None  # None: not entered yet, the database may be away
        self._lifeline: psycopg.Connection[Any] | None = None
        self._missed_signals = False

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Go. The tender's first act is to enter as a worker, its second to take up what a lost worker left."""
        self._driver.start()
        self._tender.start()

    def stop(self) -> None:
        """Let running nodes come to their end for a while, write what they made, and give everything back."""
        self._stopping.set()
        self._pool.stop(within_seconds=STOP_WITHIN_SECONDS)
        self._inbox.put(None)
        self._driver.join(STOP_WITHIN_SECONDS)
        self._stopped.set()
        self._tender.join(STOP_WITHIN_SECONDS)
        with self._claiming:
            if self.worker:
                claims.release_all(worker=self.worker)
        if self._lifeline:
            self._lifeline.close()

    @property
    def is_idle(self) -> bool:
        return not self._held

    # -- claim --------------------------------------------------------------------------------------------------------

    def wake(self) -> int:
        """Claim runs that wait, as many as there are slots, and take them up. Returns how many."""
        taken = 0
        with self._claiming:
            while self.worker and not self._stopping.is_set():
                room = min(CLAIM_AT_ONCE, self._room())
                won = claims.claim_waiting(worker=self.worker, limit=room) if room > 0 else []
                for live in taking_up.take_up(won, worker=str(self.worker.pk)):
                    self._held[live.run_id] = live
                    self._inbox.put((live, Call.BEGIN))
                taken += len(won)
                if len(won) < CLAIM_AT_ONCE:
                    return taken
        return taken

    def _room(self) -> int:
        """Free slots. A run that waits for its children takes none, or they might never get one."""
        return self._slots - sum(1 for live in list(self._held.values()) if not live.is_waiting)

    # -- drive --------------------------------------------------------------------------------------------------------

    def _drive(self) -> None:
        going_on = True
        while going_on:
            news, going_on = self._take_news()
            by_tenant: dict[UUID, dict[int, list[News]]] = {}
            for item in news:
                live = item[0]
                by_tenant.setdefault(live.tenant.pk, {}).setdefault(id(live), []).append(item)
            for runs in by_tenant.values():
                try:
                    self._advance(list(runs.values()))
                except Exception:
                    logger.exception("A wave could not be written; its runs are let go")
                    self._let_go(items[0][0] for items in runs.values())
        self._hand_back()
        connections.close_all()

    def _take_news(self) -> tuple[list[News], bool]:
        """Everything there is, at least one or an alarm, and whether to go on after it."""
        taken: list[News | None] = []
        try:
            taken.append(self._inbox.get(timeout=self._until_alarm()))
            while True:
                taken.append(self._inbox.get_nowait())
        except Empty:
            pass
        while self._alarms and self._alarms[0][0] <= now():
            at, _, live = heapq.heappop(self._alarms)
            if live.alarm_at == at:
                live.alarm_at = None
            taken.append((live, Call.ALARM))
        return [item for item in taken if item is not None], None not in taken

    def _until_alarm(self) -> float | None:
        """Seconds until something is due; None: nothing is."""
        if not self._alarms:
            return None
        return max(0.0, (self._alarms[0][0] - now()).total_seconds())

    def _advance(self, news: list[list[News]]) -> None:
        """One wave of one tenant: take in, plan, write once, then start what follows."""
        with tenant_context(news[0][0][0].tenant):
            steps = [step for items in news if (step := self._try_step(items))]
            if not steps:
                return
            with first_calls.riding(steps, room=self._pool.room, start=self._submit) as first:
                written = writing.write(steps, self._stopping, first)
                first.note(written, self._holds)
            for step in steps:
                if step.live.run_id in written:
                    self._follow(step, first)
                else:
                    logger.info("A claim was lost; what its nodes bring is late")
                    self._let_go([step.live])
                    settle_late(step.live, step.outcomes)
        room = self._slots - len(self._held)
        if room >= CLAIM_AT_ONCE and any(step.live.is_over for step in steps):
            self.wake()

    def _try_step(self, items: list[News]) -> Step | None:
        """A run that cannot be moved on is let go by itself: those beside it are not to suffer for it."""
        try:
            return self._step(items)
        except Exception:
            live = items[0][0]
            logger.exception("A run could not be moved on", extra={"run": str(live.run_id)})
            self._let_go([live])
            return None

    def _step(self, items: list[News]) -> Step | None:
        """What one run brings to the wave; nothing when it is no longer held, or nothing came of a look at it."""
        live = items[0][0]
        calls = {call for _, call in items if isinstance(call, Call)}
        brought = [outcome for _, outcome in items if isinstance(outcome, Outcome)]
        holds = self._holds(live)
        outcomes = [each for each in brought if holds and live.is_current(each)]
        if len(outcomes) < len(brought):
            settle_late(live, [each for each in brought if not (holds and live.is_current(each))])
        if not holds or live.is_over or (self._stopping.is_set() and not outcomes):
            return None
        at = now()
        answered: set[str] = set()
        if Call.SIGNAL in calls or (Call.BEGIN in calls and not live.is_new):
            answered = waits.find_answered(live)
        if Call.BEGIN in calls:
            wave, starting = live.first_wave(at, work, answered)
        elif outcomes or answered or live.is_due(at):
            wave, starting = live.next_wave(outcomes, at, work, answered)
        else:
            self._set_alarm(live)
            return None
        return Step(live=live, outcomes=outcomes, wave=wave, starting=starting)

    def _follow(self, step: Step, first: FirstCalls) -> None:
        """After the commit: what follows may start, and a run that is over or rests is let go.

        An answer that came before a run was parked is in the record, and the wave has seen it: see checkpoint.sql.
        """
        live = step.live
        if live.is_over or step.wave.run["parks"]:
            self._let_go([live])
            self._tell_parent(live)
        else:
            live.put_away()
            for start in step.starting:
                if not first.has_begun(start):
                    self._submit(live, start)
            self._set_alarm(live)
            if any(outcome.pause for outcome in step.outcomes):
                # The answer may have been there before the wait.
                self._inbox.put((live, Call.SIGNAL))

    def _submit(self, live: LiveRun, start: Start, decided: Decided | None = None) -> None:
        self._pool.submit(Attempt(live=live, start=start, decided=decided))

    def _set_alarm(self, live: LiveRun) -> None:
        alarm = live.next_alarm
        if alarm and (live.alarm_at is None or alarm < live.alarm_at):
            live.alarm_at = alarm
            heapq.heappush(self._alarms, (alarm, next(self._counter), live))

    def _tell_parent(self, live: LiveRun) -> None:
        """A parent that this process holds need not wait for the tender to see the signal."""
        parent = self._held.get(live.parent_run_id) if live.is_over and live.parent_run_id else None
        if parent is not None:
            self._inbox.put((parent, Call.SIGNAL))

    def _hand_back(self) -> None:
        """The last wave: what is on record as started and never began waits for the next worker."""
        by_tenant: dict[UUID, dict[LiveRun, list[Attempt]]] = {}
        for attempt in self._pool.take_not_begun():
            if self._is_wanted(attempt):
                runs = by_tenant.setdefault(attempt.live.tenant.pk, {})
                runs.setdefault(attempt.live, []).append(attempt)
        for runs in by_tenant.values():
            steps = [self._handed_back(live, attempts) for live, attempts in runs.items()]
            try:
                with tenant_context(steps[0].live.tenant):
                    writing.write(steps, self._stopping)
            except Exception:
                logger.exception("Nodes could not be handed back; their attempts count as lost")

    def _handed_back(self, live: LiveRun, attempts: list[Attempt]) -> Step:
        unmade = [attempt.decided.withdrawn() for attempt in attempts if attempt.decided]
        wave = live.hand_back([attempt.start for attempt in attempts], unmade, now(), work)
        return Step(live=live, outcomes=[], wave=wave, starting=[])

    # -- start: on a thread of the node pool, outside any transaction -------------------------------------------------

    def _run_node(self, attempt: Attempt) -> None:
        live, start = attempt.live, attempt.start
        if not self._is_wanted(attempt):  # given up before it began
            if attempt.decided:
                self._inbox.put((live, attempt.decided.never_begun(start)))
            return
        try:
            with tenant_context(live.tenant):
                outcome = work(start, live, attempt.decided)
        except DatabaseError:
            logger.exception("The database is away; the run is taken up again when it is back")
            self._let_go([live])
            return
        finally:
            connections.close_all()
        self._inbox.put((live, outcome))

    # -- tend ---------------------------------------------------------------------------------------------------------

    def _tend(self) -> None:
        """Beat, sweep, claim. Whatever fails here is tried again a moment later."""
        while not self._stopped.is_set():
            try:
                self._look_after_nodes()
                worker = self._worker_on_record()
                claims.free_lost()
                with self._claiming:
                    claims.free_unheld(worker=worker, held=list(self._held))
                self._pass_on_signals(worker)
                self._let_go_of_ended(worker)
                self.wake()
            except Exception:
                logger.exception("Tending failed; trying again")
                connections.close_all()
            self._stopped.wait(TEND_EVERY_SECONDS)
        connections.close_all()

    def _look_after_nodes(self) -> None:
        """Give up what takes far too long, tell of what hangs, and step down when too much does."""
        found = self._pool.look(self._is_wanted)
        for attempt in found.overlong:
            attempt.live.gave_up = True
            self._inbox.put((attempt.live, hanging.give_up(attempt, now())))
        for attempt in found.hanging:
            hanging.tell(attempt)
        if self._pool.is_worn_out and not self._is_stepping_down:
            self._is_stepping_down = True
            logger.critical("Too many nodes hang; this worker steps down for a new one")
            self._step_down()

    def _worker_on_record(self) -> Worker:
        """Beat. A worker that is new enters; so does one that was taken for dead (it hung, or its lock's connection
        broke), whose runs are no longer its own."""
        if self.worker is None or not claims.beat(worker=self.worker):
            self._let_go(list(self._held.values()))
            if self._lifeline:
                self._lifeline.close()
            self.worker, self._lifeline = claims.register()
        return self.worker

    def _pass_on_signals(self, worker: Worker) -> None:
        """Tell the runs for which something has come; all of them, once what was taken may never have arrived here."""
        all_of_them, self._missed_signals = self._missed_signals, True
        taken = claims.take_signals(worker=worker)
        self._missed_signals = False
        for run_id in list(self._held) if all_of_them else taken:
            if live := self._held.get(run_id):
                self._inbox.put((live, Call.SIGNAL))

    def _let_go_of_ended(self, worker: Worker) -> None:
        """Runs that wait here for their children, and were cancelled meanwhile: no wave of theirs will find out."""
        if waiting := [live for live in list(self._held.values()) if live.is_waiting]:
            own = claims.held_by(worker=worker)
            self._let_go(live for live in waiting if live.run_id not in own)

    def _let_go(self, runs: Iterable[LiveRun]) -> None:
        """Forget these runs; the tender frees their claims, and whoever takes them up reads the record."""
        for live in runs:
            if self._holds(live):
                self._held.pop(live.run_id, None)

    def _is_wanted(self, attempt: Attempt) -> bool:
        """False for an attempt that was given up, and for all those of a run that is no longer held."""
        at_work = attempt.live.is_at_work(attempt.start.path, attempt.start.execution_id)
        return at_work and self._holds(attempt.live)

    def _holds(self, live: LiveRun) -> bool:
        """This very claim: the same run may have been taken up again since, with another token."""
        return self._held.get(live.run_id) is live
