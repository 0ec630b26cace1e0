"""A run while a worker holds it: who it is, and where its nodes stand. How it moves on is in runs/turn.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from runs import intents, payloads
from runs.checkpoint import Row, RunWave
from runs.intents import Intents
from runs.models.states import NodeStatus, RunStatus
from runs.outcomes import Outcome, Settlement
from runs.payloads import Sealed
from runs.recorded import Recorded
from runs.scopes import Container, Failure, Fetch, Running, Scope, Shelved, Waiting
from tenancy.keys import DataKeyRef
from tenancy.models import Tenant
from workflows.definition import NodeGraph, NodeSpec
from workflows.nodes import Pause

HELD_AT_MOST_BYTES = 500_000
SMALL_BYTES = 32_768  # of what a node reads, for what the driver does by itself


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
        return self.scope.nodes.by_id[self.node]


Work = Callable[[Start, "LiveRun"], Outcome]
Place = Running | Waiting | Container


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
    workflow_id: UUID
    nodes: NodeGraph  # of the definition, or of the body that this child run is
    on_worker_loss: str = "resume"
    model_groups: Mapping[str, Sequence[str]]  # as the manifest froze them: group -> deployments
    key: DataKeyRef
    snapshot_id: UUID
    on_behalf_of: str
    run_input: Any
    input_size: int = 0  # about so many bytes
    input_labels: Labels
    outer: Mapping[str, Any] = field(default_factory=dict)
    fetch: Fetch
    is_new: bool
    is_resumed: bool = False
    comes_back: bool = False  # from a wait
    has_responded: bool = False
    takeovers: int = 0
    losses: int = 0
    recorded: dict[str, Recorded] = field(default_factory=dict)  # what is not restored yet
    lost_calls: list[Row] = field(default_factory=list)
    lost_tools: list[Row] = field(default_factory=list)

    status: str = RunStatus.QUEUED
    top: Scope = field(init=False)
    intents: Intents = field(init=False)
    attempts: dict[str, int] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    open: dict[str, Container] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    large: list[tuple[Scope, str, UUID]] = field(default_factory=list)
    afresh: set[str] = field(default_factory=set)  # containers that do not go on from the record
    failure: Failure | None = None
    gave_up: bool = False  # on an attempt at work: what it called may still be under way
    went_on: bool = False  # after a failure that the definition allows for
    alarm_at: datetime | None = None  # the executor has set one for then

    def __post_init__(self) -> None:
        self.intents = intents.of(self.root_run_id)
        self.top = Scope(
            nodes=self.nodes, fetch=self.fetch, outer=self.outer, outer_labels=self.input_labels
        )

    # -- what the executor asks ---------------------------------------------------------------------------------------

    def first_wave(
        self, at: datetime, work: Work, answered: Collection[str] = ()
    ) -> tuple[RunWave, list[Start]]:
        """The wave that follows a claim: a new run, or one that comes back after a wait, a resume or a loss."""
        from runs.turn import Turn  # noqa: PLC0415 - a turn moves what is defined here

        return Turn(self, at, work, answered).begin()

    def next_wave(
        self, outcomes: Iterable[Outcome], at: datetime, work: Work, answered: Collection[str] = ()
    ) -> tuple[RunWave, list[Start]]:
        """Take in what nodes brought, what is due and what was answered; the rows to write, the nodes to start then."""
        from runs.turn import Turn  # noqa: PLC0415

        return Turn(self, at, work, answered).go_on(outcomes)

    def hand_back(
        self, starts: Iterable[Start], unmade: Iterable[Settlement], at: datetime, work: Work
    ) -> RunWave:
        """The last wave of a worker that stops: these nodes are on record as started, and never began."""
        from runs.turn import Turn  # noqa: PLC0415

        return Turn(self, at, work, ()).hand_back(starts, unmade)

    @property
    def workflow_slug(self) -> str:
        return self.path.partition("@")[0]

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
        moments += [each.deadline for each in self.places() if each.deadline]
        return min(moments, default=None)

    def waiting_or_recorded(self) -> Iterable[tuple[str, Waiting | Recorded]]:
        """All that waits, also where the record was read and nothing is restored yet."""
        yield from self.waiting.items()
        for path, found in self.recorded.items():
            if found.status == NodeStatus.WAITING or found.goes_on:
                yield path, found

    def asks(self) -> dict[str, str]:
        """The questions on record that it waits for, by their ids, and the paths of the nodes that asked them."""
        return {
            each.pause.about["wait"]: path
            for path, each in self.waiting_or_recorded()
            if each.pause and "wait" in each.pause.about
        }

    def is_current(self, outcome: Outcome) -> bool:
        """False for what an attempt brings that was given up."""
        return self.is_at_work(outcome.node_id, outcome.execution_id)

    def is_at_work(self, path: str, execution_id: UUID) -> bool:
        running = self.running.get(path)
        return running is not None and running.execution_id == execution_id

    # -- where its nodes stand ----------------------------------------------------------------------------------------

    def places(self) -> list[Place]:
        """Where something is under way."""
        return [*self.running.values(), *self.waiting.values(), *self.open.values()]

    def leave(self, path: str) -> Place:
        """The place that an attempt is done with."""
        place = self.running.pop(path, None) or self.waiting.pop(path, None) or self.open.pop(path)
        place.scope.active.discard(place.node)
        return place

    def is_stopping(self, scope: Scope) -> bool:
        """Nothing more starts in a scope that failed, or inside of anything that did."""
        if self.failure or scope.failure:
            return True
        box = scope.container
        return box is not None and (box.failure is not None or self.is_stopping(box.scope))

    def labels_into(self, start: Start) -> Labels:
        """The joined labels of all that a node reads; an input node reads the run's input."""
        if start.scope is self.top and start.spec.kind == "input":
            return self.input_labels
        return start.scope.labels_into(start.node)

    def is_small(self, start: Start) -> bool:
        """Whether what it reads is."""
        if start.spec.kind == "input":
            return self.input_size <= SMALL_BYTES
        scope, sizes = start.scope, self.sizes
        reads = scope.nodes.reads(start.node)
        return sum([sizes.get(scope.path_of(name), 0) for name in reads]) <= SMALL_BYTES

    def note_size(self, scope: Scope, node: str, execution_id: UUID, size: int) -> None:
        self.sizes[scope.path_of(node)] = size
        if size > HELD_AT_MOST_BYTES:
            self.large.append((scope, node, execution_id))

    def put_away(self) -> None:
        """Now that they are on record: let go of outputs that are large, until somebody reads them."""
        for scope, node, execution_id in self.large:
            scope.outputs[node] = Shelved(execution_id)
            if scope is self.top and scope.node(node).kind == "input":
                self.run_input = None
        self.large.clear()

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

    def seal_output(self, execution_id: UUID, value: Any) -> Sealed:
        return self.seal("runs_nodeexecution", execution_id, "output_sealed", value)

    def seal(self, table: str, row: UUID, column: str, value: Any) -> Sealed:
        return payloads.seal(
            self.key, value, tenant_id=self.tenant.pk, table=table, row=row, column=column
        )
