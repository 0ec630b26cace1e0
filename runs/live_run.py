"""A run while a worker holds it: where its nodes stand, and the rows of its next wave. No database in here.

absorb     what nodes brought: an output, a pause, a failure with what is to follow from it
plan       what may start in each scope that changed, until nothing more follows
run here   what is pure and small, on the spot: it needs no wave of its own
end        or park, when everything that is left waits
"""

import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from runs import payloads
from runs.checkpoint import Row, RunWave, event
from runs.kinds import KINDS
from runs.models.states import NodeStatus, RunStatus
from runs.outcomes import Outcome, Settlement, used
from runs.payloads import Sealed
from runs.planner import plan
from runs.recorded import Recorded
from runs.scopes import (
    Container,
    Failure,
    Fetch,
    Running,
    Scope,
    Shelved,
    Waiting,
    as_child,
    outputs_of,
)
from runs.tool_settlements import to_row
from tenancy.keys import DataKeyRef
from tenancy.models import Tenant, new_id
from workflows import retries
from workflows.definition import NodeGraph, NodeSpec
from workflows.nodes import BodyEnd, NodeFailed, NodeNote, Pause, Result

MAX_LOSSES = 5
HERE_AT_MOST_BYTES = 32_768
HERE_AT_MOST_SECONDS = 0.02
HELD_AT_MOST_BYTES = 500_000
HELD_FOR = timedelta(seconds=1)  # a shorter wait is not worth giving the run back for
STARTS_OVER = frozenset(
    {"refine_exhausted"}
)  # after these, what is on record would only fail again


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A node to put to work once its wave is written; with a pause, it goes on after that."""

    scope: Scope
    node: str
    execution_id: UUID
    at: datetime  # on record, too: of the attempt's start, or of the event that it goes on
    pause: Pause | None = None
    expired: bool = False

    @property
    def path(self) -> str:
        return self.scope.path_of(self.node)

    @property
    def spec(self) -> NodeSpec:
        return self.scope.node(self.node)


Work = Callable[[Start, "LiveRun"], Outcome]


@dataclass(slots=True, kw_only=True, eq=False)
class LiveRun:
    """The state of one claimed run. Only the executor's driver changes it; nodes on other threads read it."""

    run_id: UUID
    root_run_id: UUID
    parent_run_id: UUID | None = None
    tenant: Tenant
    token: int
    worker: str
    path: str  # "complaint-handling@3"
    nodes: NodeGraph  # of the definition, or of the body that this child run is
    on_worker_loss: str = "resume"
    model_groups: Mapping[str, Sequence[str]]  # as the manifest froze them: group -> deployments
    key: DataKeyRef
    snapshot_id: UUID
    on_behalf_of: str
    run_input: Any
    input_labels: Labels
    outer: Mapping[str, Any] = field(default_factory=dict)
    fetch: Fetch
    is_new: bool
    is_resumed: bool = False
    comes_back: bool = False  # from a wait
    has_responded: bool = False
    takeovers: int = 0
    losses: int = 0
    recorded: dict[str, Recorded] = field(default_factory=dict)
    lost_calls: list[Row] = field(default_factory=list)
    lost_tools: list[Row] = field(default_factory=list)

    status: str = RunStatus.QUEUED
    top: Scope = field(init=False)
    attempts: dict[str, int] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    open: dict[str, Container] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    failure: Failure | None = None
    alarm_at: datetime | None = None  # the executor has set one for then
    went_on: bool = False  # after a failure that the definition allows for
    _afresh: set[str] = field(default_factory=set)  # containers that do not go on from the record
    _large: list[tuple[Scope, str, UUID]] = field(default_factory=list)
    _dirty: list[tuple[Scope, list[str] | None]] = field(default_factory=list)
    _ready: list[Start] = field(default_factory=list)
    _fresh: dict[UUID, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.top = Scope(
            nodes=self.nodes, fetch=self.fetch, outer=self.outer, outer_labels=self.input_labels
        )

    @property
    def is_over(self) -> bool:
        return self.status not in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING)

    @property
    def is_waiting(self) -> bool:
        return self.status == RunStatus.WAITING

    def is_due(self, at: datetime) -> bool:
        alarm = self.next_alarm
        return alarm is not None and alarm <= at

    @property
    def next_alarm(self) -> datetime | None:
        """When something is due by itself: a wait that ends, an attempt that has taken too long."""
        moments = [each.due_at for each in self.waiting.values() if each.due_at]
        moments += [each.deadline for each in self._places() if each.deadline]
        return min(moments, default=None)

    def waiting_or_recorded(self) -> Iterable[tuple[str, Waiting | Recorded]]:
        """All that waits, also where the record was read and nothing is restored yet."""
        yield from self.waiting.items()
        for path, found in self.recorded.items():
            if found.status == NodeStatus.WAITING:
                yield path, found

    def is_current(self, outcome: Outcome) -> bool:
        """False for what an attempt brings that was given up."""
        return self.is_at_work(outcome.node_id, outcome.execution_id)

    def is_at_work(self, path: str, execution_id: UUID) -> bool:
        running = self.running.get(path)
        return running is not None and running.execution_id == execution_id

    def _places(self) -> list[Running | Waiting | Container]:
        """Where something is under way."""
        return [*self.running.values(), *self.waiting.values(), *self.open.values()]

    # -- from news to the rows of a wave --------------------------------------------------------------------------

    def first_wave(
        self, at: datetime, work: Work, answered: Collection[str] = ()
    ) -> tuple[RunWave, list[Start]]:
        """The wave that follows a claim: a new run, or one that comes back after a wait, a resume or a loss."""
        wave = self._wave()
        if self.is_new:
            wave.run["started_at"] = at
            wave.events.append(event("run.started", at))
        elif not self.comes_back:
            wave.events.append(event("run.started", at, taken_up=self.takeovers))
        wave.calls.extend(row | {"run": self.run_id} for row in self.lost_calls)
        wave.tools.extend(self.lost_tools)
        self._refuse_if_lost_too_often()
        self._restore(self.top, wave, at)
        self.failure = self.failure or self.top.failure
        return wave, self._move_on(wave, at, work, answered)

    def next_wave(
        self, outcomes: Iterable[Outcome], at: datetime, work: Work, answered: Collection[str] = ()
    ) -> tuple[RunWave, list[Start]]:
        """Take in what nodes brought, what is due and what was answered; the rows to write, the nodes to start then."""
        wave = self._wave()
        for outcome in outcomes:
            self._absorb(outcome, wave)
        for outcome in self._overdue(at):
            if any(each.execution_id == outcome.execution_id for each in self._places()):
                self._absorb(outcome, wave)
        return wave, self._move_on(wave, at, work, answered)

    def _wave(self) -> RunWave:
        self._fresh = {}
        return RunWave(run={"id": self.run_id, "token": self.token, "ends": False, "parks": False})

    def _refuse_if_lost_too_often(self) -> None:
        if self.losses and self.on_worker_loss == "fail":
            sentence = "The worker was lost, and this workflow says on_worker_loss: fail."
            self.failure = ("worker_lost", sentence, "")
        elif self.losses > MAX_LOSSES:
            sentence = f"{self.losses} workers were lost one after the other on this run."
            self.failure = ("worker_lost", sentence, "")

    def put_away(self) -> None:
        """Now that they are on record: let go of outputs that are large, until somebody reads them."""
        for scope, node, execution_id in self._large:
            scope.outputs[node] = Shelved(execution_id)
            if scope is self.top and scope.node(node).kind == "input":
                self.run_input = None
        self._large.clear()

    # -- restore: what the record says of a scope -----------------------------------------------------------------

    def _restore(self, scope: Scope, wave: RunWave, at: datetime) -> None:
        opened = []
        for node in scope.nodes.graph.order:
            path = scope.path_of(node)
            found = self.recorded.pop(path, None)
            if found is None:
                continue
            self.attempts[path] = found.attempt
            if scope.since and found.started_at and found.started_at < scope.since:
                continue
            if {found.code_before, found.error_code} & STARTS_OVER:
                self._afresh.add(path)
            if found.status == NodeStatus.COMPLETED:
                scope.settle(node, found.output, found.labels, found.branch)
                self.sizes[path] = found.size
                self.went_on |= self._has_failures(f"{path}[")
            elif found.status == NodeStatus.SKIPPED:
                scope.states[node].status = NodeStatus.SKIPPED
            elif found.status == NodeStatus.WAITING:
                since = found.started_at if found.pause else None
                deadline = _deadline(scope.node(node), since)
                self._wait(
                    scope, node, found.execution_id, found.due_at, found.pause, deadline=deadline
                )
            elif found.status == NodeStatus.RUNNING and scope.node(node).body is not None:
                opened.append((node, found.execution_id, found.started_at or at))
            elif found.status == NodeStatus.RUNNING:
                self._lose(scope, node, found, wave, at)
            elif found.status == NodeStatus.FAILED and self._still_counts(scope, node, found):
                self.went_on |= scope.give_up(node, found.error_code, found.error_sentence)
        self._dirty.append((scope, None))
        for node, execution_id, started_at in opened:
            self._open(scope, node, execution_id, started_at, wave, at)

    def _still_counts(self, scope: Scope, node: str, found: Recorded) -> bool:
        """Whether a failure on record stands. One that the run went on after does; any other is tried again with the
        run that is resumed, and with the container that is tried again."""
        if scope.node(node).on_failure != "fail":
            return True
        box = scope.container
        if box is None:
            return not self.is_resumed
        return found.started_at is None or found.started_at >= box.started_at

    def _has_failures(self, inside: str) -> bool:
        """Whether a container that is completed went on after failures in its bodies."""
        return any(
            found.status == NodeStatus.FAILED and path.startswith(inside)
            for path, found in self.recorded.items()
        )

    def _lose(self, scope: Scope, node: str, found: Recorded, wave: RunWave, at: datetime) -> None:
        """An attempt that a lost worker left behind. One with an interrupted effect is not simply repeated."""
        code, sentence = "worker_lost", "The worker was lost in the middle of this attempt."
        if found.interrupted:
            code, sentence = "interrupted", found.interrupted
        path = scope.path_of(node)
        wave.finished.append(
            {
                "id": found.execution_id,
                "run": self.run_id,
                "status": NodeStatus.FAILED.value,
                "finished_at": at,
                "error_code": code,
                "error_sentence": sentence,
            }
        )
        wave.events.append(event("node.failed", at, path, code=code, attempt=found.attempt))
        if found.interrupted:
            self.went_on |= scope.give_up(node, code, sentence)

    # -- absorb: what an attempt brought --------------------------------------------------------------------------

    def _absorb(self, outcome: Outcome, wave: RunWave) -> None:
        place = self._leave(outcome.node_id)
        scope, node = place.scope, place.node
        wave.calls.extend(self._settled_row(each, wave) for each in outcome.settlements)
        wave.tools.extend(to_row(each, self.run_id, wave) for each in outcome.tool_settlements)
        wave.events.extend(outcome.events)
        spent = used(outcome.settlements)
        for name in ("tokens_in", "tokens_out", "cost_micros"):
            wave.run[name] = wave.run.get(name, 0) + spent[name]
        if outcome.pause is not None:
            self._wait(
                scope,
                node,
                outcome.execution_id,
                outcome.pause.until,
                outcome.pause,
                deadline=place.deadline,
            )
            self._write_wait(scope, node, wave, outcome.finished_at, spent)
        elif outcome.failed:
            if isinstance(place, Container):
                self._empty(place, wave, outcome.finished_at)
            self._fail(scope, node, outcome, spent, wave)
        else:
            self._complete(scope, node, outcome, spent, wave)

    def _leave(self, path: str) -> Running | Waiting | Container:
        """The place that this attempt is done with."""
        place = self.running.pop(path, None) or self.waiting.pop(path, None) or self.open.pop(path)
        place.scope.active.discard(place.node)
        return place

    def _complete(
        self, scope: Scope, node: str, outcome: Outcome, spent: Row, wave: RunWave
    ) -> None:
        scope.settle(node, outcome.output, outcome.labels or Labels(), outcome.branch)
        size = outcome.sealed.size if outcome.sealed else 0
        self.sizes[outcome.node_id] = size
        if size > HELD_AT_MOST_BYTES:
            self._large.append((scope, node, outcome.execution_id))
        self._write_end(outcome, NodeStatus.COMPLETED, spent, wave)
        at, path = outcome.finished_at, outcome.node_id
        if outcome.branch is not None:
            wave.events.append(event("branch.taken", at, path, branch=outcome.branch))
        wave.events.append(event("node.completed", at, path, attempt=self.attempts[path]))
        if scope.node(node).respond_here and not self.has_responded:
            self._respond(outcome, wave)
        self._dirty.append((scope, [node]))

    def _respond(self, outcome: Outcome, wave: RunWave) -> None:
        self.has_responded = True
        sealed = self._seal("runs_run", self.run_id, "response_sealed", outcome.output)
        wave.run |= {
            "response": wave.keep(sealed.payload),
            "response_node": outcome.node_id,
            "response_at": outcome.finished_at,
        }
        wave.events.append(event("response.ready", outcome.finished_at, outcome.node_id))

    def _fail(self, scope: Scope, node: str, outcome: Outcome, spent: Row, wave: RunWave) -> None:
        path, at = outcome.node_id, outcome.finished_at
        self._write_end(outcome, NodeStatus.FAILED, spent, wave)
        attempt = self.attempts[path]
        wave.events.append(event("node.failed", at, path, code=outcome.error_code, attempt=attempt))
        if KINDS[scope.nodes.kinds[node]].resume is not None:
            wave.given_up.append((path, attempt))
        if outcome.error_code in STARTS_OVER:
            self._afresh.add(path)
        else:
            self._afresh.discard(path)
        pause = retries.wait_before_next(
            scope.node(node).retry,
            code=outcome.error_code,
            attempt=attempt,
            chance=random.random(),  # noqa: S311 - jitter
        )
        if pause is not None and not self._is_stopping(scope):
            self.attempts[path] = attempt + 1
            self._wait(scope, node, new_id(), at + timedelta(seconds=pause), None)
            self._write_wait(scope, node, wave, at, {})
            return
        self.went_on |= scope.give_up(node, outcome.error_code, outcome.error_sentence)
        if scope is self.top:
            self.failure = self.failure or scope.failure
        self._dirty.append((scope, [node]))

    def _overdue(self, at: datetime) -> list[Outcome]:
        """Attempts past their deadline are given up; what they bring later is late."""
        return [
            Outcome(
                node_id=each.scope.path_of(each.node),
                execution_id=each.execution_id,
                finished_at=at,
                error_code="timeout",
                error_sentence=f"Node “{each.node}” took longer than "
                f"{each.scope.node(each.node).timeout_seconds} seconds.",
            )
            for each in self._places()
            if each.deadline and each.deadline <= at
        ]

    # -- wait, and go on ------------------------------------------------------------------------------------------

    def _wait(
        self,
        scope: Scope,
        node: str,
        execution_id: UUID,
        due_at: datetime | None,
        pause: Pause | None,
        *,
        deadline: datetime | None = None,
    ) -> None:
        scope.states[node].status = NodeStatus.WAITING
        scope.active.add(node)
        self.waiting[scope.path_of(node)] = Waiting(
            scope=scope,
            node=node,
            execution_id=execution_id,
            due_at=due_at,
            pause=pause,
            deadline=deadline,
        )

    def _write_wait(self, scope: Scope, node: str, wave: RunWave, at: datetime, spent: Row) -> None:
        path = scope.path_of(node)
        waiting = self.waiting[path]
        told = {
            "status": NodeStatus.WAITING.value,
            "waits_for": waiting.waits_for,
            "due_at": waiting.due_at,
        }
        if waiting.pause is None:
            row = self._new_row(waiting.execution_id, scope, node, NodeStatus.WAITING, None) | told
            self._fresh[waiting.execution_id] = row
            wave.started.append(row)
        else:
            self._change(waiting.execution_id, told | spent, wave.moved)
        wave.events.append(
            event(
                "node.waiting",
                at,
                path,
                attempt=self.attempts[path],
                kind=waiting.waits_for["kind"],
                **({"until": waiting.due_at} if waiting.due_at else {}),
            )
        )

    def _go_on_with(self, answered: Collection[str], wave: RunWave, at: datetime) -> None:
        """Waits that are over: answered, or due by now."""
        for path, waiting in list(self.waiting.items()):
            due = waiting.due_at is not None and waiting.due_at <= at
            if (path in answered or due) and not self._is_stopping(waiting.scope):
                self._go_on(path, waiting, wave, at, expired=path not in answered)

    def _go_on(
        self, path: str, waiting: Waiting, wave: RunWave, at: datetime, *, expired: bool
    ) -> None:
        del self.waiting[path]
        row: Row = {"status": NodeStatus.RUNNING.value, "worker": self.worker, "token": self.token}
        row |= {"waits_for": None, "due_at": None}
        name = "node.resumed"
        if waiting.pause is None:
            row["started_at"], name = at, "node.started"
        self._change(waiting.execution_id, row, wave.moved)
        wave.events.append(event(name, at, path, attempt=self.attempts[path]))
        scope, node, execution_id = waiting.scope, waiting.node, waiting.execution_id
        if waiting.pause is not None:
            pause = waiting.pause
            start = Start(
                scope=scope,
                node=node,
                execution_id=execution_id,
                at=at,
                pause=pause,
                expired=expired,
            )
            self._put_to_work(start, waiting.deadline)
        elif scope.node(node).body is not None:
            self._open(scope, node, execution_id, at, wave, at)
        else:
            start = Start(scope=scope, node=node, execution_id=execution_id, at=at)
            self._put_to_work(start, _deadline(start.spec, at))

    def _put_to_work(self, start: Start, deadline: datetime | None) -> None:
        start.scope.states[start.node].status = NodeStatus.RUNNING
        start.scope.active.add(start.node)
        self.running[start.path] = Running(
            scope=start.scope,
            node=start.node,
            execution_id=start.execution_id,
            deadline=deadline,
        )
        self._ready.append(start)

    # -- call off: where nothing goes on any more -----------------------------------------------------------------

    def _call_off_idle(self, wave: RunWave, at: datetime) -> None:
        """What waits in something that failed is not waited for."""
        for waiting in list(self.waiting.values()):
            if self._is_stopping(waiting.scope):
                self._call_off(waiting, wave, at)
                self._dirty.append((waiting.scope, []))

    def _call_off(self, place: Running | Waiting | Container, wave: RunWave, at: datetime) -> None:
        path = place.scope.path_of(place.node)
        self._leave(path)
        place.scope.states[place.node].status = NodeStatus.CANCELLED
        if isinstance(place, Container):
            self._empty(place, wave, at)
        code, what = ("run_failed", "run") if self.failure else ("body_failed", "body around it")
        row = {
            "status": NodeStatus.CANCELLED.value,
            "finished_at": at,
            "waits_for": None,
            "due_at": None,
            "error_code": code,
            "error_sentence": f"The {what} failed before this node came to an end.",
        }
        self._change(place.execution_id, row, wave.finished)
        attempt = self.attempts[path]
        wave.events.append(event("node.failed", at, path, code=code, attempt=attempt))
        wave.given_up.append((path, attempt))

    def _empty(self, box: Container, wave: RunWave, at: datetime) -> None:
        """Nothing in a container that failed goes on; what is finished in it is kept for its next attempt."""
        while inside := [place for place in self._places() if box.holds(place.scope)]:
            self._call_off(inside[-1], wave, at)
        for body in box.bodies:
            self._remember(body, at)

    def _remember(self, scope: Scope, at: datetime) -> None:
        for node, state in scope.states.items():
            path = scope.path_of(node)
            if state.is_settled:
                code, sentence = scope.given_up.get(node, ("", ""))
                self.recorded[path] = Recorded(
                    execution_id=new_id(),
                    attempt=self.attempts[path],
                    status=state.status,
                    output=scope.outputs.get(node),
                    size=self.sizes.get(path, 0),
                    labels=scope.labels.get(node, Labels()),
                    branch=state.branch,
                    error_code=code,
                    error_sentence=sentence,
                    started_at=at,
                )

    # -- plan: what follows ---------------------------------------------------------------------------------------

    def _move_on(
        self, wave: RunWave, at: datetime, work: Work, answered: Collection[str]
    ) -> list[Start]:
        """Plan until nothing more follows, run on the spot what is small, and see whether this was the end."""
        until = time.monotonic() + HERE_AT_MOST_SECONDS
        self._follow(answered, wave, at)
        while here := [each for each in self._ready if self._runs_here(each)]:
            if time.monotonic() > until:
                break
            self._ready = [each for each in self._ready if each not in here]
            for each in here:
                self._absorb(work(each, self), wave)
            self._follow(answered, wave, at)
        starting, self._ready = self._ready, []
        self._see_where_it_stands(wave, at)
        wave.run["status"] = str(self.status)
        wave.run["done"] = sum(1 for state in self.top.states.values() if state.is_settled)
        return starting

    def _runs_here(self, start: Start) -> bool:
        """Pure and small: running it again after a crash costs nothing, so it needs no commit of its own."""
        if start.pause is not None or not KINDS[start.spec.kind].pure:
            return False
        reads = start.scope.nodes.reads(start.node)
        size = sum(self.sizes.get(start.scope.path_of(name), 0) for name in reads)
        return size <= HERE_AT_MOST_BYTES

    def _follow(self, answered: Collection[str], wave: RunWave, at: datetime) -> None:
        while True:
            self._plan_all(wave, at)
            self._call_off_idle(wave, at)
            self._go_on_with(answered, wave, at)
            if not self._dirty:
                return

    def _plan_all(self, wave: RunWave, at: datetime) -> None:
        while self._dirty:
            scope, changed = self._dirty.pop(0)
            if scope.is_over:
                continue
            if not self._is_stopping(scope):
                self._plan(scope, changed, wave, at)
            if not scope.active and all(other is not scope for other, _ in self._dirty):
                self._end_scope(scope, wave, at)

    def _is_stopping(self, scope: Scope) -> bool:
        """Nothing more starts in a scope that failed, or inside of anything that did."""
        if self.failure or scope.failure:
            return True
        box = scope.container
        return box is not None and (box.failure is not None or self._is_stopping(box.scope))

    def _plan(self, scope: Scope, changed: list[str] | None, wave: RunWave, at: datetime) -> None:
        nodes = scope.nodes
        following = plan(nodes.graph, nodes.kinds, scope.states, changed, scope.judge)
        for node, because in following.skipped.items():
            self._skip(scope, node, because, wave, at)
        for node in (*following.ready, *following.undecidable):
            execution_id = self._begin(scope, node, wave, at)
            start = Start(scope=scope, node=node, execution_id=execution_id, at=at)
            if node in following.undecidable:
                failure = following.undecidable[node]
                self._put_to_work(start, None)
                self._ready.pop()
                self._absorb(
                    _failed(scope.path_of(node), execution_id, at, failure.code, failure.sentence),
                    wave,
                )
            elif start.spec.body is not None:
                self._open(scope, node, execution_id, at, wave, at)
            else:
                self._put_to_work(start, _deadline(start.spec, at))

    def _begin(self, scope: Scope, node: str, wave: RunWave, at: datetime) -> UUID:
        """A new attempt of a node, on record with this wave."""
        path, execution_id = scope.path_of(node), new_id()
        self.attempts[path] = self.attempts.get(path, 0) + 1
        row = self._new_row(execution_id, scope, node, NodeStatus.RUNNING, at)
        self._fresh[execution_id] = row
        wave.started.append(row)
        wave.events.append(event("node.started", at, path, attempt=self.attempts[path]))
        return execution_id

    def _skip(self, scope: Scope, node: str, because: Row, wave: RunWave, at: datetime) -> None:
        path, execution_id = scope.path_of(node), new_id()
        self.attempts[path] = self.attempts.get(path, 0) + 1
        scope.states[node].status = NodeStatus.SKIPPED
        row = self._new_row(execution_id, scope, node, NodeStatus.SKIPPED, at)
        row |= {"finished_at": at, "skipped_because": because}
        if (compared := because.pop("record", None)) is not None:
            sealed = self._seal_output(execution_id, {"compared": compared})
            row |= {"payload": wave.keep(sealed.payload), "commitment": sealed.commitment}
        wave.started.append(row)
        wave.events.append(event("node.skipped", at, path, **because))

    # -- containers -----------------------------------------------------------------------------------------------

    def _open(
        self,
        scope: Scope,
        node: str,
        execution_id: UUID,
        started_at: datetime,
        wave: RunWave,
        at: datetime,
    ) -> None:
        scope.states[node].status = NodeStatus.RUNNING
        scope.active.add(node)
        box = Container(
            scope=scope,
            node=node,
            execution_id=execution_id,
            inputs=scope.inputs_of(node),
            labels=scope.labels_into(node),
            started_at=started_at,
            deadline=_deadline(scope.node(node), started_at),
            since=started_at if scope.path_of(node) in self._afresh else scope.since,
        )
        self.open[box.path] = box
        self._drive(box, wave, at)

    def _drive(self, box: Container, wave: RunWave, at: datetime) -> None:
        """Ask a container what follows from the bodies that ended: more of them, or its own end."""
        spec = box.scope.node(box.node)
        following, result = KINDS[spec.kind].next, None
        assert following is not None  # noqa: S101 - whatever has a body has a next
        if box.failure is None and self._is_stopping(box.scope):
            if box.is_idle:
                self._call_off(box, wave, at)
                self._dirty.append((box.scope, []))
            return
        if box.failure is None:
            try:
                step = following(spec.config, box.inputs, tuple(box.ends))
                result = step.result
                self._tell(step.notes, box.path, wave, at)
                for given in step.start:
                    self._open_body(box, given, wave, at, in_children=step.in_children)
            except NodeFailed as failure:
                self._tell(failure.notes, box.path, wave, at)
                box.failure = (failure.code, failure.sentence)
        if box.failure is not None and box.is_idle:
            self._absorb(_failed(box.path, box.execution_id, at, *box.failure), wave)
        elif result is not None:
            self._tell(result.notes, box.path, wave, at)
            self.went_on |= any(end and end.code for end in box.ends)
            self._absorb(self._outcome_of(box, result, at), wave)

    def _open_body(
        self,
        box: Container,
        given: Mapping[str, Any],
        wave: RunWave,
        at: datetime,
        *,
        in_children: bool,
    ) -> None:
        spec = box.scope.node(box.node)
        assert spec.body is not None  # noqa: S101 - see _drive
        carried = box.labels_now() if KINDS[spec.kind].carries_over else box.labels
        body = Scope(
            nodes=as_child(spec.body) if in_children else spec.body,
            fetch=self.fetch,
            path=f"{box.path}[{len(box.bodies)}]",
            given=given,
            outer=box.inputs,
            outer_labels=carried,
            container=box,
            place=len(box.bodies),
            since=box.since,
        )
        box.bodies.append(body)
        box.ends.append(None)
        self._restore(body, wave, at)

    def _end_scope(self, scope: Scope, wave: RunWave, at: datetime) -> None:
        scope.is_over = True
        box = scope.container
        if box is None or self.failure:
            return
        code, sentence, _ = scope.failure or ("", "", "")
        box.ends[scope.place] = BodyEnd(
            given=scope.given, outputs=outputs_of(scope), code=code, sentence=sentence
        )
        self._drive(box, wave, at)

    def _outcome_of(self, box: Container, result: Result, at: datetime) -> Outcome:
        return Outcome(
            node_id=box.path,
            execution_id=box.execution_id,
            finished_at=at,
            output=result.output,
            sealed=self._seal_output(box.execution_id, result.output),
            labels=result.labels or box.labels_now(),
            branch=result.branch,
        )

    def _tell(self, notes: Iterable[NodeNote], path: str, wave: RunWave, at: datetime) -> None:
        wave.events.extend(event(note.event, at, path, **note.body) for note in notes)

    # -- the end, or a rest ---------------------------------------------------------------------------------------

    def _see_where_it_stands(self, wave: RunWave, at: datetime) -> None:
        if self.running:
            self.status = RunStatus.RUNNING
        elif self.failure:
            self._end_failed(wave, at)
        elif self.top.is_over:
            self._end(wave, at)
        else:
            self.status = RunStatus.WAITING
            self._park(wave, at)

    def _park(self, wave: RunWave, at: datetime) -> None:
        """Give the run back while it waits, unless that is over soon; child runs are waited for at hand."""
        alarm = self.next_alarm
        at_hand = any(each.pause and each.pause.kind == "child" for each in self.waiting.values())
        if not at_hand and (alarm is None or alarm > at + HELD_FOR):
            wave.run |= {"parks": True, "due_at": alarm}

    def _end(self, wave: RunWave, at: datetime) -> None:
        went_on = RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS
        self.status = went_on if self.went_on else RunStatus.COMPLETED
        sealed = self._seal("runs_run", self.run_id, "output_sealed", self.output())
        wave.run |= {
            "ends": True,
            "finished_at": at,
            "payload": wave.keep(sealed.payload),
            "commitment": sealed.commitment,
        }
        wave.events.append(event("run.completed", at))
        wave.events.append(event("end", at, status=str(self.status)))

    def _end_failed(self, wave: RunWave, at: datetime) -> None:
        code, sentence, node = self.failure or ("", "", "")
        self.status = RunStatus.FAILED
        while self.open:
            self._call_off(next(iter(self.open.values())), wave, at)
        wave.run |= {
            "ends": True,
            "finished_at": at,
            "error_code": code,
            "error_sentence": sentence,
            "error_node": node,
        }
        wave.events.append(event("run.failed", at, node, code=code))
        wave.events.append(event("end", at, status=str(self.status)))

    def output(self) -> Any:
        """The value of the run: that of its output node, or of each that was reached, by name.

        A child run that is one body of a container gives the outputs of all nodes that were reached.
        """
        kinds, top = self.nodes.kinds, self.top
        whole = "output" not in kinds.values()
        reached = {
            node: top.opened(value)
            for node, value in top.outputs.items()
            if whole or kinds[node] == "output"
        }
        if whole:
            return reached
        return next(iter(reached.values())) if len(reached) == 1 else reached

    # -- rows -----------------------------------------------------------------------------------------------------

    def _new_row(
        self, execution_id: UUID, scope: Scope, node: str, status: str, at: datetime | None
    ) -> Row:
        return {
            "id": execution_id,
            "run": self.run_id,
            "node_id": scope.path_of(node),
            "kind": scope.nodes.kinds[node],
            "attempt": self.attempts[scope.path_of(node)],
            "status": str(status),
            "started_at": at,
            "worker": self.worker,
            "token": self.token,
        }

    def _change(self, execution_id: UUID, changes: Row, rows: list[Row]) -> None:
        """Change an execution: its row of this very wave, or one on record."""
        if (row := self._fresh.get(execution_id)) is not None:
            row |= changes
        else:
            defaults = (
                {"worker": self.worker, "token": self.token} if "waits_for" in changes else {}
            )
            rows.append({"id": execution_id, "run": self.run_id, **defaults, **changes})

    def _write_end(self, outcome: Outcome, status: NodeStatus, spent: Row, wave: RunWave) -> None:
        sealed = outcome.sealed
        row: Row = {
            "status": status.value,
            "finished_at": outcome.finished_at,
            "payload": wave.keep(sealed.payload if sealed else None),
            "commitment": sealed.commitment if sealed else None,
            "labels": outcome.labels.to_json() if outcome.labels else None,
            "branch": outcome.branch,
            "error_code": outcome.error_code,
            "error_sentence": outcome.error_sentence,
        }
        self._change(outcome.execution_id, row | spent, wave.finished)

    def _settled_row(self, settled: Settlement, wave: RunWave) -> Row:
        return {
            "id": settled.call_id,
            "run": self.run_id,
            "status": settled.status,
            "finished_at": settled.finished_at,
            "payload": wave.keep(settled.response),
            "model": settled.model,
            "tokens_in": settled.tokens_in,
            "tokens_out": settled.tokens_out,
            "cost_micros": settled.cost_micros,
            "error_kind": settled.error_kind,
            "error_sentence": settled.error_sentence,
        }

    def _seal_output(self, execution_id: UUID, value: Any) -> Sealed:
        return self._seal("runs_nodeexecution", execution_id, "output_sealed", value)

    def _seal(self, table: str, row: UUID, column: str, value: Any) -> Sealed:
        return payloads.seal(
            self.key, value, tenant_id=self.tenant.pk, table=table, row=row, column=column
        )


def _deadline(spec: NodeSpec, started_at: datetime | None) -> datetime | None:
    """When an attempt that began then has taken too long."""
    if spec.timeout_seconds is None or started_at is None:
        return None
    return started_at + timedelta(seconds=spec.timeout_seconds)


def _failed(path: str, execution_id: UUID, at: datetime, code: str, sentence: str) -> Outcome:
    return Outcome(
        node_id=path,
        execution_id=execution_id,
        finished_at=at,
        error_code=code,
        error_sentence=sentence,
    )
