"""One turn of one run: from what is new to the rows of a wave. No database in here.

    absorb     what nodes brought: an output, a pause, a failure with what is to follow from it
    plan       what may start in each scope that changed, until nothing more follows
    run here   what is pure and small, on the spot: it needs no wave of its own
    end        or park, when everything that is left waits

How a run is restored from its record is in runs/restoring.py, what containers do in runs/containers.py.
"""

import random
import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from compliance.labels import Labels
from runs import containers, restoring
from runs.checkpoint import RunWave
from runs.kinds import KINDS
from runs.live_run import LiveRun, Place, Start, Work
from runs.models.states import NodeStatus, RunStatus
from runs.outcomes import Outcome, Settlement
from runs.planner import plan
from runs.scopes import Container, Running, Scope, Waiting, deadline_of
from runs.wave_rows import WaveRows
from tenancy.models import new_id
from workflows import retries
from workflows.nodes import Pause

MAX_LOSSES = 20  # before anything of the run was written; nodes count their own, see restoring.py
HERE_AT_MOST_SECONDS = 0.02
HELD_FOR = timedelta(seconds=1)  # a shorter wait is not worth giving the run back for


class Turn:
    """Moves a run on by one wave. `answered` are the paths of waiting nodes for which something has come."""

    def __init__(self, live: LiveRun, at: datetime, work: Work, answered: Collection[str]) -> None:
        self.live, self.at = live, at
        self.rows = WaveRows(live, at)
        self._work, self._answered = work, answered
        self._changed: list[tuple[Scope, list[str] | None]] = []
        self._ready: list[Start] = []

    def begin(self) -> tuple[RunWave, list[Start]]:
        """After a claim: restore what is on record, and see what follows."""
        live, wave = self.live, self.rows.wave
        if live.is_new:
            wave.run["started_at"] = self.at
            self.rows.tell("run.started")
        elif not live.comes_back:
            self.rows.tell("run.started", taken_up=live.takeovers)
        wave.calls.extend(live.lost_calls)
        wave.tools.extend(live.lost_tools)
        self._refuse_if_lost_too_often()
        restoring.restore(self, live.top)
        live.failure = live.failure or live.top.failure
        return self._move_on()

    def go_on(self, outcomes: Iterable[Outcome]) -> tuple[RunWave, list[Start]]:
        """Take in what nodes brought, what is due and what was answered."""
        for outcome in outcomes:
            self.absorb(outcome)
        for outcome in self._overdue():
            if any(each.execution_id == outcome.execution_id for each in self.live.places()):
                self.live.gave_up |= outcome.node_id in self.live.running
                self.absorb(outcome)
        return self._move_on()

    def hand_back(self, starts: Iterable[Start], unmade: Iterable[Settlement]) -> RunWave:
        """These never began: they wait for the next worker, with the attempt that they have. What went on after a
        pause waits on record as it is. `unmade` settles calls that they would have begun with."""
        live = self.live
        self.rows.settle_calls(unmade)
        for start in starts:
            live.leave(start.path)
            if start.pause is None:
                waiting = self.wait_to_retry(start.scope, start.node, start.execution_id, self.at)
                waiting.is_handed_back = True
                self.rows.hand_back(waiting)
        live.status = RunStatus.RUNNING if live.running or live.failure else RunStatus.WAITING
        return self._wave()

    def mark(self, scope: Scope, changed: list[str] | None) -> None:
        """Something changed in a scope, so what follows there is to be planned. None: everything may have.

        What changes there in a row is planned for together: of forty nodes before a merge, the last one tells all.
        """
        if self._changed and self._changed[-1][0] is scope:
            before = self._changed.pop()[1]
            changed = None if before is None or changed is None else [*before, *changed]
        self._changed.append((scope, changed))

    def _refuse_if_lost_too_often(self) -> None:
        live = self.live
        if live.losses and live.on_worker_loss == "fail":
            sentence = "The worker was lost, and this workflow says on_worker_loss: fail."
            live.failure = ("worker_lost", sentence, "")
        elif live.losses > MAX_LOSSES:
            sentence = f"{live.losses} workers were lost one after the other on this run."
            live.failure = ("worker_lost", sentence, "")

    # -- absorb: what an attempt brought --------------------------------------------------------------------------

    def absorb(self, outcome: Outcome) -> None:
        place = self.live.leave(outcome.node_id)
        place.scope.has_moved = True
        self.rows.settle(outcome)
        if outcome.pause is not None:
            waiting = self.wait(place, outcome.execution_id, outcome.pause, place.deadline)
            self.rows.wait(waiting, outcome.finished_at, outcome)
        elif outcome.failed:
            if isinstance(place, Container):
                containers.empty(self, place)
            self._fail(place, outcome)
        else:
            self._complete(place, outcome)

    def _complete(self, place: Place, outcome: Outcome) -> None:
        live, scope, node = self.live, place.scope, place.node
        scope.settle(node, outcome.output, outcome.labels or Labels(), outcome.branch)
        live.went_on |= outcome.went_on
        size = outcome.sealed.size if outcome.sealed else 0
        live.note_size(scope, node, outcome.execution_id, size)
        self.rows.complete(outcome)
        if scope.node(node).respond_here and not live.has_responded:
            live.has_responded = True
            self.rows.respond(outcome)
        self.mark(scope, [node])

    def _fail(self, place: Place, outcome: Outcome) -> None:
        """Tried again, gone on after, or the end of the scope that it is in."""
        live, scope, node, path = self.live, place.scope, place.node, outcome.node_id
        self.rows.fail(outcome)
        if not KINDS[scope.nodes.kinds[node]].pure:
            self.rows.withdraw(path)
        if outcome.error_code in restoring.STARTS_OVER:
            live.afresh.add(path)
        else:
            live.afresh.discard(path)
        pause = retries.wait_before_next(
            scope.node(node).retry,
            code=outcome.error_code,
            attempt=live.attempts[path],
            chance=random.random(),  # noqa: S311 - jitter
        )
        if pause is not None and not live.is_stopping(scope):
            self.try_again(scope, node, outcome.finished_at, pause)
            return
        live.went_on |= scope.give_up(node, outcome.error_code, outcome.error_sentence)
        if scope is live.top:
            live.failure = live.failure or scope.failure
        self.mark(scope, [node])

    def _overdue(self) -> list[Outcome]:
        """Attempts past their deadline are given up; what they bring later is late."""
        return [
            failed(
                each.scope.path_of(each.node),
                each.execution_id,
                self.at,
                "timeout",
                f"Node “{each.node}” took longer than {each.scope.node(each.node).timeout_seconds} seconds.",
            )
            for each in self.live.places()
            if each.deadline and each.deadline <= self.at
        ]

    # -- wait, and go on ------------------------------------------------------------------------------------------

    def wait(
        self, place: Place, execution_id: UUID, pause: Pause, deadline: datetime | None
    ) -> Waiting:
        return self._put_to_rest(
            Waiting(
                scope=place.scope,
                node=place.node,
                execution_id=execution_id,
                due_at=pause.until,
                pause=pause,
                deadline=deadline,
            )
        )

    def try_again(self, scope: Scope, node: str, at: datetime, pause: float) -> None:
        """The next attempt of a node, due so many seconds after its last one."""
        self.live.attempts[scope.path_of(node)] += 1
        waiting = self.wait_to_retry(scope, node, new_id(), at + timedelta(seconds=pause))
        self.rows.wait(waiting, at)

    def wait_to_retry(
        self, scope: Scope, node: str, execution_id: UUID, due_at: datetime | None
    ) -> Waiting:
        return self._put_to_rest(
            Waiting(scope=scope, node=node, execution_id=execution_id, due_at=due_at)
        )

    def _put_to_rest(self, waiting: Waiting) -> Waiting:
        waiting.scope.states[waiting.node].status = NodeStatus.WAITING
        waiting.scope.active.add(waiting.node)
        self.live.waiting[waiting.scope.path_of(waiting.node)] = waiting
        return waiting

    def _end_waits(self) -> None:
        """Waits that are over: answered, or due by now."""
        for path, waiting in list(self.live.waiting.items()):
            due = waiting.due_at is not None and waiting.due_at <= self.at
            if (path in self._answered or due) and not self.live.is_stopping(waiting.scope):
                self._end_wait(path, waiting)

    def _end_wait(self, path: str, waiting: Waiting) -> None:
        del self.live.waiting[path]
        self.rows.go_on(waiting)
        scope, node, execution_id = waiting.scope, waiting.node, waiting.execution_id
        if waiting.pause is None and scope.node(node).body is not None:
            containers.open_box(self, scope, node, execution_id, self.at)
            return
        start = Start(
            scope=scope,
            node=node,
            execution_id=execution_id,
            at=self.at,
            pause=waiting.pause,
            expired=path not in self._answered,
        )
        begins = waiting.pause is None
        self._put_to_work(start, deadline_of(start.spec, self.at) if begins else waiting.deadline)

    def _put_to_work(self, start: Start, deadline: datetime | None) -> None:
        start.scope.states[start.node].status = NodeStatus.RUNNING
        start.scope.active.add(start.node)
        self.live.running[start.path] = Running(
            scope=start.scope,
            node=start.node,
            execution_id=start.execution_id,
            deadline=deadline,
        )
        self._ready.append(start)

    # -- call off: where nothing goes on any more -----------------------------------------------------------------

    def _call_off_idle(self) -> None:
        """What waits in something that failed is not waited for."""
        for waiting in list(self.live.waiting.values()):
            if self.live.is_stopping(waiting.scope):
                self.call_off(waiting)
                self.mark(waiting.scope, [])

    def call_off(self, place: Place) -> None:
        self.live.gave_up |= isinstance(place, Running)
        self.live.leave(place.scope.path_of(place.node))
        place.scope.states[place.node].status = NodeStatus.CANCELLED
        if isinstance(place, Container):
            containers.empty(self, place)
        path = place.scope.path_of(place.node)
        self.rows.call_off(path, place.execution_id, *self.why_called_off())

    def why_called_off(self) -> tuple[str, str]:
        """Code and sentence of what comes to no end of its own."""
        if self.live.failure:
            return "run_failed", "The run failed before this node came to an end."
        return "body_failed", "The body around it failed before this node came to an end."

    # -- plan: what follows ---------------------------------------------------------------------------------------

    def _move_on(self) -> tuple[RunWave, list[Start]]:
        """Plan until nothing more follows, run on the spot what is small, and see whether this was the end."""
        until = time.monotonic() + HERE_AT_MOST_SECONDS
        self._follow()
        elsewhere: list[Start] = []
        while self._ready and time.monotonic() <= until:
            ready, self._ready = self._ready, []
            for each in ready:
                if self._runs_here(each):
                    self.absorb(self._work(each, self.live))
                else:
                    elsewhere.append(each)
            self._follow()
        self._ready = [*elsewhere, *self._ready]
        self._see_where_it_stands()
        return self._wave(), self._ready

    def _wave(self) -> RunWave:
        live, wave = self.live, self.rows.wave
        wave.run["status"] = str(live.status)
        wave.run["done"] = sum(1 for state in live.top.states.values() if state.is_settled)
        return wave

    def _runs_here(self, start: Start) -> bool:
        """Pure and small: running it again after a crash costs nothing, so it needs no commit of its own."""
        if start.pause is not None or not KINDS[start.spec.kind].pure:
            return False
        return self.live.is_small(start)

    def _follow(self) -> None:
        """Until nothing more follows from anything."""
        while True:
            while self._changed:
                scope, changed = self._changed.pop(0)
                if not scope.is_over:
                    self._plan(scope, changed)
            self._call_off_idle()
            self._end_waits()
            if not self._changed:
                return

    def _plan(self, scope: Scope, changed: list[str] | None) -> None:
        if not self.live.is_stopping(scope):
            nodes = scope.nodes
            following = plan(nodes.graph, nodes.kinds, scope.states, changed, scope.judge)
            for node, because in following.skipped.items():
                self._count_attempt(scope, node)
                scope.states[node].status = NodeStatus.SKIPPED
                self.rows.skip(scope, node, because)
            for node in following.ready:
                self._begin(scope, node)
            for node, why in following.undecidable.items():
                start = self._first_of(scope, node)
                self.live.running[start.path] = Running(
                    scope=scope, node=node, execution_id=start.execution_id
                )
                self.absorb(failed(start.path, start.execution_id, self.at, why.code, why.sentence))
        if not scope.active and all(other is not scope for other, _ in self._changed):
            scope.is_over = True
            containers.end_body(self, scope)

    def _begin(self, scope: Scope, node: str) -> None:
        start = self._first_of(scope, node)
        spec = scope.node(node)
        if spec.body is not None:
            containers.open_box(self, scope, node, start.execution_id, self.at)
        else:
            self._put_to_work(start, deadline_of(spec, self.at))

    def _first_of(self, scope: Scope, node: str) -> Start:
        """A new attempt of a node, on record with this wave."""
        self._count_attempt(scope, node)
        execution_id = self.rows.start(scope, node)
        return Start(scope=scope, node=node, execution_id=execution_id, at=self.at)

    def _count_attempt(self, scope: Scope, node: str) -> None:
        path = scope.path_of(node)
        scope.has_moved = True
        self.live.attempts[path] = self.live.attempts.get(path, 0) + 1

    # -- the end, or a rest ---------------------------------------------------------------------------------------

    def _see_where_it_stands(self) -> None:
        live = self.live
        if live.running:
            live.status = RunStatus.RUNNING
        elif live.failure:
            live.status = RunStatus.FAILED
            while live.open:
                self.call_off(next(iter(live.open.values())))
            self.rows.end_failed(*live.failure)
        elif live.top.is_over:
            went_on = RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS
            live.status = went_on if live.went_on else RunStatus.COMPLETED
            self.rows.end_completed()
        else:
            live.status = RunStatus.WAITING
            self._park()

    def _park(self) -> None:
        """Give the run back while it waits, unless that is over soon; child runs are waited for at hand."""
        live, alarm = self.live, self.live.next_alarm
        at_hand = any(each.pause and each.pause.kind == "child" for each in live.waiting.values())
        if not at_hand and (alarm is None or alarm > self.at + HELD_FOR):
            self.rows.wave.run |= {"parks": True, "due_at": alarm, "asks": [*live.asks()]}


def failed(path: str, execution_id: UUID, at: datetime, code: str, sentence: str) -> Outcome:
    """An attempt that came to nothing without having been put to work."""
    return Outcome(
        node_id=path,
        execution_id=execution_id,
        finished_at=at,
        error_code=code,
        error_sentence=sentence,
    )
