"""A run once more in memory, from its evidence: the same engine, other doors. Nothing is written, nothing is asked.

    agenda     what is under way, each with the moment at which the record says that it brought something
    next       of all that is under way or waits, what came first on record
    work       the node itself, behind a door that answers from the record
    written    what the waves would have put into the rows, kept for the comparison

Nodes that ask what is not on record stay under way for ever; the rehearsal is over when nothing else is left.
"""

import heapq
import itertools
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from compliance.labels import Labels, join
from runs.checkpoint import Row, RunWave
from runs.evidence import Evidence, Place
from runs.fork_plan import FORK
from runs.kinds import KINDS
from runs.live_run import LiveRun, Start
from runs.models import NodeExecution, NodeStatus, Run, RunStatus
from runs.outcomes import Outcome
from runs.payloads import Sealed
from runs.recorded import Recorded
from runs.replay_calls import Unanswerable, WhatIf
from runs.replay_door import ReplayDoor
from runs.scopes import Shelved, Waiting
from tenancy.errors import GroveError
from tenancy.keys import DataKeyRef
from tenancy.models import new_id
from workflows.definition import Definition, NodeGraph
from workflows.nodes import Answer, Inputs, Kind, NodeFailed, Pause, Result
from workflows.nodes.contract import Verdict

logger = logging.getLogger(__name__)

TIMEOUT = "timeout"  # what the engine says of an attempt, and not its node
VERDICTS: Mapping[str, Verdict] = {
    RunStatus.COMPLETED: "completed",
    RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS: "completed",
    RunStatus.FAILED: "failed",
}


@dataclass(slots=True)
class Written:
    """What became of one execution, as its row would say."""

    path: str
    status: str = ""
    branch: str = ""
    error_code: str = ""
    output: Any = None


@dataclass(slots=True, kw_only=True, eq=False)
class ReplayRun(LiveRun):
    """A live run of which nothing is sealed: what would be is kept aside, by row."""

    made: dict[UUID, Any] = field(default_factory=dict)

    def keep(self, execution_id: UUID, value: Any) -> Sealed:
        """Keep what an execution made. Raises TypeError for what is not JSON."""
        self.made[execution_id] = value
        return Sealed(payload=b"", commitment="", size=len(orjson.dumps(value)))

    def seal(self, table: str, row: UUID, column: str, value: Any) -> Sealed:
        return self.keep(row, value)

    def forget_deadlines(self) -> None:
        """Time-outs come from the record."""
        for place in self.places():
            place.deadline = None


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """One run of the tree. `unanswerable` are the nodes that asked what is not on record, and why."""

    evidence: Evidence
    tree: Mapping[UUID, Evidence]
    definition: Definition
    nodes: NodeGraph
    what_if: WhatIf
    input_labels: Labels
    live: ReplayRun = field(init=False)
    written: dict[str, Written] = field(default_factory=dict)
    unanswerable: dict[str, Unanswerable] = field(default_factory=dict)
    changed_decisions: dict[str, str] = field(default_factory=dict)
    children: dict[str, "Rehearsal"] = field(default_factory=dict)
    reused: frozenset[str] = frozenset()
    _rows: dict[UUID, Written] = field(default_factory=dict)
    _agenda: list[tuple[datetime, int, Start]] = field(default_factory=list)
    _counter: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.live = self._live_run()

    def run(self) -> None:
        """Let it go as far as the record carries it."""
        at = self.evidence.run.started_at or self.evidence.run.created_at
        wave, starting = self.live.first_wave(at, self._work_here)
        self._take(wave, starting)
        while not self.live.is_over and (following := self._next()):
            at, outcomes, answered = following
            wave, starting = self.live.next_wave(outcomes, at, self._work_here, answered)
            self._take(wave, starting)

    # -- what comes next ----------------------------------------------------------------------------------------------

    def _next(self) -> tuple[datetime, list[Outcome], set[str]] | None:
        """What came first on record: a moment, and then an attempt's outcome, or a wait that ended."""
        wait = min(self._ends_of_waits(), default=None)
        timed_out = min(self._time_outs(), default=None)
        while self._agenda:
            first = self._agenda[0][0]
            if (wait and wait[0] < first) or (timed_out and timed_out[0] < first):
                break
            at, _, start = heapq.heappop(self._agenda)
            outcome = self._work(start)
            if outcome is not None:
                return at, [outcome], set()
        if timed_out and (not wait or timed_out[0] <= wait[0]):
            at, path, execution_id = timed_out
            return at, [_timed_out(path, execution_id, at)], set()
        return (wait[0], [], {wait[1]}) if wait else None

    def _ends_of_waits(self) -> list[tuple[datetime, str]]:
        return [
            (ends, path)
            for path, waiting in self.live.waiting.items()
            if (ends := self._end_of(path, waiting)) is not None
        ]

    def _end_of(self, path: str, waiting: Waiting) -> datetime | None:
        """When the record says that it went on; where it says nothing, a time that is due is taken as come."""
        number = self.live.attempts[path]
        if waiting.pause is None:
            row = self.evidence.find_attempt(path, number)
            return row.started_at if row and row.started_at else waiting.due_at
        moments = self.evidence.resumed_at.get((path, number))
        if moments:
            return moments[0]
        return waiting.due_at if waiting.pause.kind == "delay" and not self._row(path) else None

    def _time_outs(self) -> list[tuple[datetime, str, UUID]]:
        """Waits and containers that were given up because they took too long."""
        found = []
        places = {path: each.execution_id for path, each in self.live.waiting.items()}
        places |= {path: each.execution_id for path, each in self.live.open.items()}
        for path, execution_id in places.items():
            row = self._row(path)
            if row and row.error_code == TIMEOUT and row.finished_at:
                found.append((row.finished_at, path, execution_id))
        return found

    # -- work ---------------------------------------------------------------------------------------------------------

    def _take(self, wave: RunWave, starting: list[Start]) -> None:
        """Keep what would be written, and put what starts on the agenda."""
        for row in (*wave.started, *wave.finished, *wave.moved):
            self._note(row)
        for start in starting:
            heapq.heappush(self._agenda, (self._moment_of(start), next(self._counter), start))
        self.live.forget_deadlines()

    def _note(self, row: Row) -> None:
        if "node_id" in row:
            self._rows[row["id"]] = self.written[row["node_id"]] = Written(row["node_id"])
        written = self._rows.setdefault(row["id"], Written(""))
        written.status = row.get("status") or written.status
        written.branch = row.get("branch") or ""
        written.error_code = row.get("error_code") or ""
        written.output = self.live.made.pop(row["id"], None)

    def _moment_of(self, start: Start) -> datetime:
        row = self._row_of(start)
        paused = self.evidence.paused_at.get(self._place(start))
        if start.pause is None and paused:
            return paused[0]
        return row.finished_at if row and row.finished_at else start.at

    def _place(self, start: Start) -> Place:
        return start.path, self.live.attempts[start.path]

    def _row_of(self, start: Start) -> NodeExecution | None:
        """This attempt on record. One that was lost is left out, so its number moves on."""
        row = self._row(start.path)
        if row is not None:
            self.live.attempts[start.path] = row.attempt
        return row

    def _row(self, path: str) -> NodeExecution | None:
        return self.evidence.find_attempt(path, self.live.attempts.get(path, 1))

    def _work(self, start: Start) -> Outcome | None:
        """One attempt. Nothing comes of it where the record has no answer, or says that it was called off."""
        row = self._row_of(start)
        if not self.live.is_at_work(start.path, start.execution_id):
            return None
        paused = start.pause is None and self._place(start) in self.evidence.paused_at
        if row is not None and not paused:  # or else the record is of what came after the pause
            if row.status == NodeStatus.CANCELLED:
                return None
            if row.error_code == TIMEOUT and row.finished_at:
                return _timed_out(start.path, start.execution_id, row.finished_at)
        try:
            return self._outcome(start, row)
        except Unanswerable as error:
            self.unanswerable[start.path] = error
            return None

    def _work_here(self, start: Start, _live: LiveRun) -> Outcome:
        """A pure node, on the spot: it asks nothing."""
        return self._outcome(start, self._row_of(start))

    def _outcome(self, start: Start, row: NodeExecution | None) -> Outcome:
        at = row.finished_at if row and row.finished_at else start.at
        door = ReplayDoor(
            live=self.live,
            start=start,
            evidence=self.evidence,
            row=row,
            what_if=self.what_if,
            replay_child=lambda child: self._replay_child(start.path, child),
        )
        try:
            made = made_behind(door, self.live, start, at=at)
            went_on = start.pause is not None and self._child_went_on(start.path)
            return replace(made, went_on=went_on and not made.failed)
        finally:
            if door.changed_decision is not None:
                self.changed_decisions[start.path] = str(door.changed_decision.verdict)

    # -- child runs ---------------------------------------------------------------------------------------------------

    def _replay_child(self, path: str, child: Run) -> Answer:
        """A child run is replayed with its parent; where that came to no end, its parent has no answer either."""
        evidence = self.tree[child.pk]
        about = {"run": str(child.pk)}
        rehearsal = self._rehearsal_of(child, evidence)
        self.children[path] = rehearsal
        rehearsal.run()
        live = rehearsal.live
        if not live.is_over:
            if child.status == RunStatus.CANCELLED and not rehearsal.unanswerable:
                return Answer(kind="child", verdict="cancelled", about=about)
            raise Unanswerable(
                "child_differs", "Its child run did not come to an end in the replay."
            )
        verdict = VERDICTS[live.status]
        code, sentence, _ = live.failure or ("", "", "")
        return Answer(
            kind="child",
            output=live.output() if verdict == "completed" else None,
            labels=join(live.input_labels, *live.top.labels.values()),
            verdict=verdict,
            code=code,
            sentence=sentence,
            about=about,
        )

    def _child_went_on(self, path: str) -> bool:
        """Whether the child run that this node waited for had errors that were not critical."""
        child = self.children.get(path)
        return child is not None and child.live.went_on

    def _rehearsal_of(self, child: Run, evidence: Evidence) -> "Rehearsal":
        """One that is a body follows the definition of this replay; one of another workflow its own."""
        if "body" in child.manifest:
            body = next(
                (node.body for node in self.definition.walk() if node.id == child.manifest["body"]),
                None,
            )
            if body is None:
                raise Unanswerable("child_differs", "There is no such body in this version.")
            definition, nodes = self.definition, body
        else:
            definition = child.version.revision.definition
            nodes = definition
        return Rehearsal(
            evidence=evidence,
            tree=self.tree,
            definition=definition,
            nodes=nodes,
            what_if=self.what_if,
            input_labels=Labels.from_json(child.labels),
        )

    # -- the beginning ------------------------------------------------------------------------------------------------

    def _live_run(self) -> ReplayRun:
        run = self.evidence.run
        content = self.evidence.open(run, "input_sealed")
        is_body = not isinstance(self.nodes, Definition)
        live = ReplayRun(
            run_id=run.pk,
            root_run_id=run.root_run_id or run.pk,
            parent_run_id=run.parent_run_id,
            tenant=run.tenant,
            token=0,
            worker="",
            path=f"{run.manifest['workflow']}@{run.manifest['version']}",
            workflow_id=run.workflow_id,
            nodes=self.nodes,
            model_groups={},
            key=DataKeyRef(id=new_id(), secret=os.urandom(32)),  # nothing is sealed with it
            snapshot_id=run.snapshot_id,
            on_behalf_of=f"{run.started_by_kind}:{run.started_by_id}",
            run_input=content,
            input_labels=self.input_labels,
            outer=content if is_body else {},
            fetch=_fetch_nothing,
            is_new=True,
        )
        taken_over = [
            rows[-1] for rows in self.evidence.attempts.values() if rows[-1].worker == FORK
        ]
        live.recorded = {row.node_id: self._recorded(row) for row in taken_over}
        self.reused = frozenset(live.recorded)
        return live

    def _recorded(self, row: NodeExecution) -> Recorded:
        return Recorded(
            execution_id=row.pk,
            attempt=row.attempt,
            status=row.status,
            output=self.evidence.open(row, "output_sealed"),
            labels=Labels.from_json(row.labels) if row.labels else Labels(),
            branch=row.branch or None,
            error_code=row.error_code,
            error_sentence=row.error_sentence,
            started_at=row.started_at,
        )


class WorksInMemory(Protocol):
    """A door behind which a node works without a row."""

    @property
    def labels(self) -> Labels: ...
    def work(self, kind: Kind, config: Any, inputs: Inputs) -> Result | Pause: ...


def made_behind(door: WorksInMemory, live: ReplayRun, start: Start, *, at: datetime) -> Outcome:
    """One attempt of a node behind this door, as its outcome. Raises Unanswerable."""
    base: dict[str, Any] = {
        "node_id": start.path,
        "execution_id": start.execution_id,
        "finished_at": at,
    }
    try:
        kind, inputs = KINDS[start.spec.kind], start.scope.inputs_of(start.node)
        made = door.work(kind, start.spec.config, inputs)
        if isinstance(made, Pause):
            return Outcome(**base, pause=made)
        sealed = live.keep(start.execution_id, made.output)
        return Outcome(
            **base,
            output=made.output,
            sealed=sealed,
            labels=made.labels or door.labels,
            branch=made.branch,
        )
    except Unanswerable:
        raise
    except NodeFailed as failure:
        return Outcome(**base, error_code=failure.code, error_sentence=failure.sentence)
    except GroveError as error:
        return Outcome(**base, error_code=error.code, error_sentence=error.sentence)
    except Exception as error:
        logger.exception("A node raised in memory", extra={"node_kind": start.spec.kind})
        return Outcome(**base, error_code="internal_error", error_sentence=type(error).__name__)


def _timed_out(path: str, execution_id: UUID, at: datetime) -> Outcome:
    return Outcome(
        node_id=path,
        execution_id=execution_id,
        finished_at=at,
        error_code=TIMEOUT,
        error_sentence="It took too long.",
    )


def _fetch_nothing(shelved: Shelved) -> Any:
    raise LookupError("A replay holds all that it reads.")
