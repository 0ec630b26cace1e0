"""A definition tried in memory: the same engine, answers that somebody wrote down, no run, no row, no socket.

What waits goes on at once: a delay as if its time had come, an approval with the answer of the case. Policies are not
asked, since nothing leaves.
"""

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from compliance.labels import Labels, join
from runs import start
from runs.checkpoint import RunWave
from runs.dry_door import Answers, DryDoor, Given
from runs.live_run import LiveRun, Start
from runs.models import RunStatus
from runs.outcomes import Outcome
from runs.rehearsal import ReplayRun, Written, made_behind
from runs.scopes import Shelved
from tenancy.context import current_tenant
from tenancy.keys import DataKeyRef
from tenancy.models import new_id
from workflows import pinned
from workflows.definition import Definition, NodeGraph
from workflows.nodes import Answer, Json, NodeFailed, Pause

MOST_STEPS = 20_000
DEEPEST = 8  # sub-workflows within sub-workflows
VERDICTS: Mapping[str, Any] = {
    RunStatus.COMPLETED: "completed",
    RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS: "completed",
    RunStatus.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOutcome:
    """What became of a node: the last of its attempts."""

    path: str
    status: str
    branch: str = ""
    error_code: str = ""
    output: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DryReport:
    """How it ended. `nodes` are those that were reached, in the order in which they were."""

    status: str
    output: Json = None
    error_code: str = ""
    error_sentence: str = ""
    error_node: str = ""
    nodes: tuple[NodeOutcome, ...] = ()


def try_out(
    definition: Definition, *, run_input: Json, answers: Answers, at: datetime
) -> DryReport:
    """Run it in memory, as if begun at this moment. Raises InputTooLarge, InputInvalid."""
    start.check_input(definition, run_input)
    labels = start.labels_of_input(definition, run_input)
    dry = _DryRun(
        definition=definition,
        nodes=definition,
        given=Given(answers),
        run_input=run_input,
        labels=labels,
        at=at,
    )
    dry.run()
    return dry.report()


@dataclass(slots=True, kw_only=True)
class _DryRun:
    definition: Definition
    nodes: NodeGraph
    given: Given
    run_input: Json
    labels: Labels
    at: datetime
    path: str = ""  # of the node whose child this is
    depth: int = 0
    live: ReplayRun = field(init=False)
    written: dict[str, Written] = field(default_factory=dict)
    _rows: dict[Any, Written] = field(default_factory=dict)
    _ready: deque[Start] = field(default_factory=deque)

    def run(self) -> None:
        self.live = self._live_run()
        self._take(*self.live.first_wave(self.at, self._work))
        for _ in range(MOST_STEPS):
            if self.live.is_over:
                return
            if self._ready:
                begun = self._ready.popleft()
                if self.live.is_at_work(begun.path, begun.execution_id):
                    outcome = self._work(begun, self.live)
                    self._take(*self.live.next_wave([outcome], self.at, self._work))
            elif not self._end_a_wait():
                return

    def report(self) -> DryReport:
        live = self.live
        code, sentence, node = live.failure or ("", "", "")
        status = str(live.status)
        if not live.is_over:
            status, code = RunStatus.FAILED.value, "dry_run_endless"
            sentence = f"The dry run did not come to its end within {MOST_STEPS:,} steps."
        return DryReport(
            status=status,
            output=live.output() if live.is_over and status != RunStatus.FAILED else None,
            error_code=code,
            error_sentence=sentence,
            error_node=node,
            nodes=tuple(
                NodeOutcome(
                    path=each.path,
                    status=each.status,
                    branch=each.branch,
                    error_code=each.error_code,
                    output=each.output,
                )
                for each in self.written.values()
            ),
        )

    def _end_a_wait(self) -> bool:
        """The one that would be over first: answered, or its time has come."""
        waiting = sorted(self.live.waiting.items(), key=lambda item: item[1].due_at or self.at)
        if not waiting:
            return False
        path, first = waiting[0]
        asks = first.pause is not None and first.pause.kind != "delay"
        if not asks and first.due_at is not None:
            self.at = max(self.at, first.due_at)
        answered = {path} if asks else set()
        self._take(*self.live.next_wave([], self.at, self._work, answered))
        return True

    def _take(self, wave: RunWave, starting: list[Start]) -> None:
        for row in (*wave.started, *wave.finished, *wave.moved):
            if "node_id" in row:
                self._rows[row["id"]] = self.written[row["node_id"]] = Written(row["node_id"])
            written = self._rows.setdefault(row["id"], Written(""))
            written.status = row.get("status") or written.status
            written.branch = row.get("branch") or ""
            written.error_code = row.get("error_code") or ""
            written.output = self.live.made.pop(row["id"], None)
        self._ready.extend(starting)
        self.live.forget_deadlines()

    def _work(self, begun: Start, live: LiveRun) -> Outcome:
        door = DryDoor(live=live, start=begun, given=self.given, run_child=self._run_child)
        return made_behind(door, self.live, begun, at=self.at)

    def _run_child(self, begun: Start, pause: Pause) -> Answer:
        """A sub-workflow, or a body that would be a run of its own, with the answers of this case."""
        if self.depth >= DEEPEST:
            raise NodeFailed("dry_run_too_deep", f"More than {DEEPEST} runs within each other.")
        child = self._child_of(begun, pause)
        child.run()
        live = child.live
        for path, written in child.written.items():
            written.path = f"{begun.path}.{path}"
            self.written[written.path] = written
        code, sentence, _ = live.failure or ("", "", "")
        verdict = VERDICTS.get(live.status, "failed")
        return Answer(
            kind="child",
            verdict=verdict,
            output=live.output() if verdict == "completed" else None,
            labels=join(live.input_labels, *live.top.labels.values()),
            code=code,
            sentence=sentence,
            about=pause.about,
        )

    def _child_of(self, begun: Start, pause: Pause) -> "_DryRun":
        depth = self.depth + 1
        if "body" in pause.about:
            box = begun.scope.container
            body = box.scope.node(box.node).body if box else None
            assert body is not None  # noqa: S101 - only a body of a container runs as a child
            return _DryRun(
                definition=self.definition,
                nodes=body,
                given=self.given,
                run_input=pause.about["body"],
                labels=begun.scope.labels_into(begun.node),
                at=self.at,
                path=begun.path,
                depth=depth,
            )
        name = str(pause.about["workflow"])
        version = pinned.find(frozenset({name})).get(name)
        if version is None:
            raise NodeFailed("sub_workflow_unknown", f"“{name}” is not a version.")
        definition = version.revision.definition
        start.check_input(definition, pause.about["input"])
        return _DryRun(
            definition=definition,
            nodes=definition,
            given=self.given,
            run_input=pause.about["input"],
            labels=begun.scope.labels_into(begun.node),
            at=self.at,
            path=begun.path,
            depth=depth,
        )

    def _live_run(self) -> ReplayRun:
        run_id = new_id()
        return ReplayRun(
            run_id=run_id,
            root_run_id=run_id,
            tenant=current_tenant(),
            token=0,
            worker="",
            path="dry-run",
            workflow_id=run_id,
            nodes=self.nodes,
            model_groups={},
            key=DataKeyRef(id=new_id(), secret=os.urandom(32)),  # nothing is sealed with it
            snapshot_id=run_id,
            on_behalf_of="case",
            run_input=self.run_input,
            input_labels=self.labels,
            outer=self.run_input if self.nodes is not self.definition else {},
            fetch=_fetch_nothing,
            is_new=True,
        )


def _fetch_nothing(shelved: Shelved) -> Any:
    raise LookupError("A dry run holds all that it reads.")
