"""A run while a worker holds it: what is known of its nodes, and the rows of its next wave. No database in here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from compliance.labels import Labels, join
from runs.checkpoint import Row, RunWave, event
from runs.models.states import NodeStatus, RunStatus
from runs.payloads import Sealed
from runs.planner import NodeState, plan
from tenancy.keys import DataKeyRef
from tenancy.models import Tenant, new_id
from workflows.definition import Definition

MAX_LOSSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a model call, for the wave's commit."""

    call_id: UUID
    status: str
    finished_at: datetime
    model: str = ""
    response: bytes | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int = 0
    error_kind: str = ""
    error_sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a node brought back: an output, or an error with a code and a sentence."""

    node_id: str
    execution_id: UUID
    finished_at: datetime
    output: Any = None
    sealed: Sealed | None = None
    labels: Labels | None = None
    branch: str | None = None
    error_code: str = ""
    error_sentence: str = ""
    settlements: tuple[Settlement, ...] = ()
    events: tuple[Row, ...] = ()

    @property
    def failed(self) -> bool:
        return bool(self.error_code)


@dataclass(slots=True, kw_only=True)
class LiveRun:
    """The state of one claimed run. Only the executor's driver changes it; nodes on other threads read it."""

    run_id: UUID
    root_run_id: UUID
    tenant: Tenant
    token: int
    worker: str
    path: str  # "complaint-handling@3"
    definition: Definition
    model_groups: Mapping[str, Sequence[str]]  # as the manifest froze them: group -> deployments
    key: DataKeyRef
    snapshot_id: UUID
    on_behalf_of: str
    run_input: Any
    input_labels: Labels
    is_new: bool
    status: str = RunStatus.QUEUED
    states: dict[str, NodeState] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, Labels] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    running: dict[str, UUID] = field(default_factory=dict)
    lost: list[Row] = field(default_factory=list)  # attempts that a lost worker left behind
    lost_calls: list[Row] = field(default_factory=list)
    failure: tuple[str, str, str] | None = None  # code, sentence, node
    takeovers: int = 0
    losses: int = 0

    def __post_init__(self) -> None:
        for node in self.definition.graph.nodes:
            self.states.setdefault(node, NodeState())

    @property
    def is_over(self) -> bool:
        return self.status not in (RunStatus.QUEUED, RunStatus.RUNNING)

    def inputs_of(self, node_id: str) -> dict[str, Any]:
        """The outputs that a node declared it reads, and no others."""
        reads = self.definition.reads(node_id)
        return {node: self.outputs[node] for node in reads if node in self.outputs}

    def labels_into(self, node_id: str) -> Labels:
        """The joined labels of all that a node reads; an input node reads the run's input."""
        if self.definition.kinds[node_id] == "input":
            return self.input_labels
        reads = self.definition.reads(node_id)
        return join(*(self.labels[node] for node in reads if node in self.labels))

    # -- from outcomes to the rows of a wave ----------------------------------------------------------------------

    def first_wave(self, at: datetime) -> tuple[RunWave, list[str]]:
        """The wave that follows a claim: a new run, or one whose last worker was lost or that somebody resumed."""
        wave = self._wave()
        if self.is_new:
            wave.run["started_at"] = at
            wave.events.append(event("run.started", at))
        else:
            wave.events.append(event("run.started", at, taken_up=self.takeovers))
        for row in self.lost:
            wave.finished.append(row | {"run": self.run_id})
            wave.events.append(
                event("node.failed", at, row["node_id"], code="worker_lost", attempt=row["attempt"])
            )
        wave.calls.extend(row | {"run": self.run_id} for row in self.lost_calls)
        self._refuse_if_lost_too_often()
        return wave, self._move_on(wave, at, changed=None)

    def next_wave(self, outcomes: Iterable[Outcome], at: datetime) -> tuple[RunWave, list[str]]:
        """Take in what nodes brought back; returns the rows to write and the nodes to start once they are written."""
        wave = self._wave()
        changed = []
        for outcome in outcomes:
            self._absorb(outcome, wave)
            changed.append(outcome.node_id)
        return wave, self._move_on(wave, at, changed=changed)

    def _wave(self) -> RunWave:
        return RunWave(run={"id": self.run_id, "token": self.token, "ends": False})

    def _refuse_if_lost_too_often(self) -> None:
        if self.losses and self.definition.on_worker_loss == "fail":
            sentence = "The worker was lost, and this workflow says on_worker_loss: fail."
            self.failure = ("worker_lost", sentence, "")
        elif self.losses > MAX_LOSSES:
            sentence = f"{self.losses} workers were lost one after the other on this run."
            self.failure = ("worker_lost", sentence, "")

    def _absorb(self, outcome: Outcome, wave: RunWave) -> None:
        node, state = outcome.node_id, self.states[outcome.node_id]
        self.running.pop(node, None)
        state.status = NodeStatus.FAILED if outcome.failed else NodeStatus.COMPLETED
        state.branch = outcome.branch
        if outcome.failed:
            self.failure = self.failure or (outcome.error_code, outcome.error_sentence, node)
        else:
            self.outputs[node] = outcome.output
            self.labels[node] = outcome.labels or Labels()
        wave.finished.append(self._finished_row(outcome, wave))
        wave.calls.extend(self._call_row(settled, wave) for settled in outcome.settlements)
        wave.events.extend(outcome.events)
        if outcome.branch is not None:
            wave.events.append(
                event("branch.taken", outcome.finished_at, node, branch=outcome.branch)
            )
        wave.events.append(self._end_of_node(outcome))

    def _finished_row(self, outcome: Outcome, wave: RunWave) -> Row:
        settled = outcome.settlements
        tokens_in = sum(call.tokens_in for call in settled)
        tokens_out = sum(call.tokens_out for call in settled)
        cost = sum(call.cost_micros for call in settled)
        for name, amount in (
            ("tokens_in", tokens_in),
            ("tokens_out", tokens_out),
            ("cost_micros", cost),
        ):
            wave.run[name] = wave.run.get(name, 0) + amount
        return {
            "id": outcome.execution_id,
            "run": self.run_id,
            "status": str(self.states[outcome.node_id].status),
            "finished_at": outcome.finished_at,
            "payload": wave.keep(outcome.sealed.payload if outcome.sealed else None),
            "commitment": outcome.sealed.commitment if outcome.sealed else None,
            "labels": outcome.labels.to_json() if outcome.labels else None,
            "branch": outcome.branch,
            "error_code": outcome.error_code,
            "error_sentence": outcome.error_sentence,
            "model": next((call.model for call in reversed(settled) if call.model), ""),
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "cost_micros": cost,
        }

    def _call_row(self, settled: Settlement, wave: RunWave) -> Row:
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

    def _end_of_node(self, outcome: Outcome) -> Row:
        body: dict[str, Any] = {"attempt": self.attempts[outcome.node_id]}
        if outcome.failed:
            body["code"] = outcome.error_code
        name = "node.failed" if outcome.failed else "node.completed"
        return event(name, outcome.finished_at, outcome.node_id, **body)

    def _move_on(self, wave: RunWave, at: datetime, changed: list[str] | None) -> list[str]:
        """Plan, and write down what starts, what is skipped, and whether this was the end."""
        starting: list[str] = []
        if self.failure is None:
            following = plan(self.definition.graph, self.definition.kinds, self.states, changed)
            for node, because in following.skipped.items():
                self.states[node].status = NodeStatus.SKIPPED
                wave.started.append(self._skipped_row(node, because, at))
                wave.events.append(event("node.skipped", at, node, **because))
            for node in following.ready:
                wave.started.append(self._started_row(node, at))
                wave.events.append(event("node.started", at, node, attempt=self.attempts[node]))
                starting.append(node)
        self.status = RunStatus.RUNNING
        if not self.running:
            self._end(wave, at)
        wave.run["status"] = str(self.status)
        wave.run["done"] = sum(1 for state in self.states.values() if state.is_settled)
        return starting

    def _started_row(self, node: str, at: datetime) -> Row:
        self.attempts[node] = self.attempts.get(node, 0) + 1
        self.states[node].status = NodeStatus.RUNNING
        self.running[node] = new_id()
        return self._execution_row(self.running[node], node, "running", at, None, None)

    def _skipped_row(self, node: str, because: Row, at: datetime) -> Row:
        self.attempts[node] = self.attempts.get(node, 0) + 1
        return self._execution_row(new_id(), node, "skipped", at, at, because)

    def _execution_row(
        self,
        execution_id: UUID,
        node: str,
        status: str,
        started_at: datetime,
        finished_at: datetime | None,
        because: Row | None,
    ) -> Row:
        return {
            "id": execution_id,
            "run": self.run_id,
            "node_id": node,
            "kind": self.definition.kinds[node],
            "attempt": self.attempts[node],
            "status": status,
            "started_at": started_at,
            "finished_at": finished_at,
            "worker": self.worker,
            "token": self.token,
            "skipped_because": because,
        }

    def _end(self, wave: RunWave, at: datetime) -> None:
        wave.run |= {"ends": True, "finished_at": at}
        if self.failure:
            code, sentence, node = self.failure
            self.status = RunStatus.FAILED
            wave.run |= {"error_code": code, "error_sentence": sentence, "error_node": node}
            wave.events.append(event("run.failed", at, node, code=code))
        else:
            self.status = RunStatus.COMPLETED
            wave.events.append(event("run.completed", at))
        wave.events.append(event("end", at, status=str(self.status)))

    def output(self) -> Any:
        """The value of the run: that of its output node, or of each that was reached, by name."""
        kinds = self.definition.kinds
        reached = {node: value for node, value in self.outputs.items() if kinds[node] == "output"}
        return next(iter(reached.values())) if len(reached) == 1 else reached
