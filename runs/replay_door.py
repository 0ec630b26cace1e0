"""What a node is handed as `ctx` in a replay: a door that leads nowhere. All it can do is look into the evidence.

Its calls are in runs/replay_calls.py; here are the moment, questions, answers and child runs of then.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, cast
from urllib.parse import unquote

import orjson

from compliance.labels import Labels
from runs.evidence import Evidence, canonical
from runs.live_run import LiveRun, Start
from runs.models import NodeExecution, Run, ToolCall
from runs.replay_calls import ReplayCalls, Unanswerable, WhatIf
from workflows.nodes import (
    Answer,
    Inputs,
    Json,
    Kind,
    Pause,
    Result,
)
from workflows.nodes.contract import Verdict as WaitVerdict

CALLBACK = re.compile(r"https?://[^\s\"'\\]+?/api/v1/callbacks/([A-Za-z0-9_.:=-]+)")

ReplayChild = Callable[[Run], Answer]


class ReplayDoor(ReplayCalls):
    """Made for one attempt, or for what follows its pause. `row` is that attempt on record, if it is."""

    def __init__(
        self,
        *,
        live: LiveRun,
        start: Start,
        evidence: Evidence,
        row: NodeExecution | None,
        what_if: WhatIf,
        replay_child: ReplayChild,
    ) -> None:
        super().__init__(
            evidence=evidence,
            node_id=start.path,
            attempt=live.attempts[start.path],
            row=row,
            what_if=what_if,
        )
        self._live = live
        self._start = start
        self._replay_child = replay_child
        self.labels = _labels_into(live, start)
        self.callback_url = ""
        if start.pause is not None:  # what was asked before the pause was answered then
            self._acts = [act for act in self._acts if act.decisions[0].at >= self.now()]

    # -- what it sees of its run --------------------------------------------------------------------------------------

    @property
    def run_input(self) -> Any:
        return self._live.run_input

    @property
    def branches(self) -> frozenset[str]:
        edges = self._start.scope.nodes.graph.edges_out_of(self._start.node)
        return frozenset(edge.branch for edge in edges if edge.branch)

    def now(self) -> datetime:
        """The recorded moment of this attempt."""
        if self._start.pause is not None:
            moments = self._evidence.resumed_at.get(self._place)
            return moments[-1] if moments else self._start.at
        recorded = self._row.started_at if self._row else None
        return recorded or self._start.at

    def work(self, kind: Kind, config: Any, inputs: Inputs) -> Result | Pause:
        """Run the node, or after a pause hand it the answer on record. Raises NodeFailed, Unanswerable."""
        if self._start.pause is None:
            return kind.run(self, config, inputs)
        assert kind.resume is not None  # noqa: S101 - whatever pauses can go on
        return kind.resume(self, config, inputs, self._answer_to(self._start.pause))

    # -- questions and child runs -------------------------------------------------------------------------------------

    def ask(
        self,
        *,
        kind: Literal["callback", "approval"],
        question: Json,
        schema: Mapping[str, Any] | None,
        expires_at: datetime,
        approver: str = "",
    ) -> Pause:
        wait = self._evidence.waits.get(self._place)
        if wait is None:
            raise self._not_asked("somebody a question")
        if canonical(self._evidence.open(wait, "question_sealed")) != canonical(question):
            raise Unanswerable("question_differs", "Its question differs from what was asked then.")
        if wait.approver != approver:
            raise Unanswerable("approver_differs", "Somebody else would have been asked.")
        if kind == "callback":
            self.callback_url = self._recorded_address(wait.token_digest or "")
        about: dict[str, Json] = {"wait": str(wait.pk)}
        if approver:
            about["approver"] = approver
        return Pause(kind=kind, until=wait.expires_at, about=about)

    def _recorded_address(self, digest: str) -> str:
        """The address that was told of then: only its digest is kept, but what was or would have been sent holds it."""
        calls = [act.call for act in self._acts if isinstance(act.call, ToolCall)]
        asked = self._evidence.approvals.get(self._place, [])
        texts = [self._evidence.open(call, "request_sealed") for call in calls]
        texts += [self._evidence.open(wait, "question_sealed") for wait in asked]
        for text in texts:
            for found in CALLBACK.finditer(unquote(orjson.dumps(text).decode())):
                if hashlib.sha256(found.group(1).encode()).hexdigest() == digest:
                    return found.group(0)
        return ""

    def child(self, *, workflow: str, run_input: Json) -> Pause:
        child = self._evidence.find_child(*self._place)
        if child is not None:
            pinned = f"{child.version.workflow.slug}@{child.version.number}"
            if pinned != workflow:
                raise Unanswerable(
                    "child_differs", f"It would start {workflow}; the record has a run of {pinned}."
                )
        return self._pause_for(child, run_input)

    def child_of_body(self, inputs: Inputs) -> Pause:
        return self._pause_for(self._evidence.find_child(*self._place), dict(inputs))

    def _pause_for(self, child: Run | None, run_input: Json) -> Pause:
        if child is None:
            raise self._not_asked("for a child run")
        if canonical(self._evidence.open(child, "input_sealed")) != canonical(run_input):
            raise Unanswerable("input_differs", "Its child run would be given another input.")
        return Pause(kind="child", about={"run": str(child.pk)})

    def _answer_to(self, pause: Pause) -> Answer:
        if pause.kind == "delay":
            return Answer(kind="delay", about=pause.about)
        if pause.kind == "child":
            child = self._evidence.find_child(*self._place)
            assert child is not None  # noqa: S101 - the pause names it
            return self._replay_child(child)
        wait = self._evidence.waits[self._place]
        if wait.answered_at is None:
            return Answer(kind=pause.kind, expired=True, about=pause.about)
        value = self._evidence.open(wait, "answer_sealed")
        decided = pause.kind == "approval"
        return Answer(
            kind=pause.kind,
            output=None if decided else value,
            verdict=cast(WaitVerdict, wait.verdict),
            by=f"{wait.answered_by_kind}:{wait.answered_by_id}",
            sentence=value["reason"] if decided else "",
            about=pause.about,
        )


def _labels_into(live: LiveRun, start: Start) -> Labels:
    """The joined labels of all that a node reads; an input node reads the run's input."""
    if start.scope is live.top and start.spec.kind == "input":
        return live.input_labels
    return start.scope.labels_into(start.node)
