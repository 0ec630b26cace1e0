"""What a node is handed in a dry run: answers that somebody wrote down, or none. Nothing leads anywhere from here."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast

import orjson

from compliance.detectors import tags_in
from compliance.labels import Integrity, Labels, join
from runs.live_run import LiveRun, Start
from workflows.nodes import (
    Answer,
    Inputs,
    Json,
    Kind,
    ModelAnswer,
    NodeFailed,
    Pause,
    Result,
    ToolAnswer,
)

MODEL = "dry-run"
NO_ANSWER = "no_answer"
CALLBACK = "https://callback.invalid/dry-run"  # RFC 2606: leads nowhere
PLACES = re.compile(r"\[\d+\]")

Answers = Mapping[str, Json]
RunChild = Callable[[Start, Pause], Answer]


class Given:
    """The answers of a case, by the path of their node: of one entry (`each[2].say`), or of all (`each.say`).

    A list is used up one by one, its last one again and again; anything else answers every time.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._used: dict[str, int] = {}

    def find(self, path: str) -> Json:
        """Raises NodeFailed where the case says nothing."""
        for name in (path, PLACES.sub("", path)):
            if name in self._answers:
                return self._next(name, path)
        raise NodeFailed(NO_ANSWER, f"The case gives no answer for node “{path}”.")

    def has(self, path: str) -> bool:
        return path in self._answers or PLACES.sub("", path) in self._answers

    def _next(self, name: str, path: str) -> Json:
        answer = self._answers[name]
        if not isinstance(answer, list) or not answer:
            return answer
        at = self._used.get(path, 0)
        self._used[path] = at + 1
        return answer[min(at, len(answer) - 1)]


class DryDoor:
    """Made for one attempt, or for what follows its pause."""

    def __init__(self, *, live: LiveRun, start: Start, given: Given, run_child: RunChild) -> None:
        self._live, self._start, self._given, self._run_child = live, start, given, run_child
        self.node_id = start.path
        self.attempt = live.attempts[start.path]
        is_input = start.scope is live.top and start.spec.kind == "input"
        self.labels = live.input_labels if is_input else start.scope.labels_into(start.node)
        self.callback_url = ""

    @property
    def run_input(self) -> Json:
        return self._live.run_input

    @property
    def branches(self) -> frozenset[str]:
        edges = self._start.scope.nodes.graph.edges_out_of(self._start.node)
        return frozenset(edge.branch for edge in edges if edge.branch)

    def now(self) -> datetime:
        return self._start.at

    def work(self, kind: Kind, config: Any, inputs: Inputs) -> Result | Pause:
        """Run the node, or after a pause hand it what the case answers. Raises NodeFailed."""
        pause = self._start.pause
        if pause is None:
            return kind.run(self, config, inputs)
        assert kind.resume is not None  # noqa: S101 - whatever pauses can go on
        return kind.resume(self, config, inputs, self._answer_to(pause))

    # -- what would leave ---------------------------------------------------------------------------------------------

    def model(
        self,
        *,
        model_group: str,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None,
        max_tokens: int,
        temperature: float,
        timeout_seconds: int,
        labels: Labels,
    ) -> ModelAnswer:
        answer = self._given.find(self.node_id)
        text = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
        found = Labels(integrity=Integrity.UNTRUSTED, tags=tags_in(text))
        return ModelAnswer(text=text, model=MODEL, labels=join(labels, found))

    def tool(
        self,
        *,
        name: str,
        arguments: Mapping[str, Any],
        idempotent: bool,
        timeout_seconds: int,
        labels: Labels,
    ) -> ToolAnswer:
        if self._start.spec.kind == "callback":  # tells somebody of an address, and reads nothing
            return ToolAnswer(output=None, labels=labels)
        return ToolAnswer(output=self._given.find(self.node_id), labels=labels)

    def ask(
        self,
        *,
        kind: Literal["callback", "approval"],
        question: Json,
        schema: Mapping[str, Any] | None,
        expires_at: datetime,
        approver: str = "",
    ) -> Pause:
        self.callback_url = CALLBACK if kind == "callback" else ""
        return Pause(kind=kind, until=expires_at, about={"approver": approver})

    def child(self, *, workflow: str, run_input: Json) -> Pause:
        return Pause(kind="child", about={"workflow": workflow, "input": run_input})

    def child_of_body(self, inputs: Inputs) -> Pause:
        return Pause(kind="child", about={"body": dict(inputs)})

    def _answer_to(self, pause: Pause) -> Answer:
        if pause.kind == "delay":
            return Answer(kind="delay", about=pause.about)
        if pause.kind == "child":
            if self._given.has(self.node_id):
                output = self._given.find(self.node_id)
                return Answer(kind="child", verdict="completed", output=output, about=pause.about)
            return self._run_child(self._start, pause)
        answer = self._given.find(self.node_id)
        if pause.kind == "callback":
            return Answer(kind="callback", output=answer, about=pause.about)
        verdict = answer.get("verdict") if isinstance(answer, Mapping) else answer
        if verdict not in ("approved", "refused"):
            told = f"The case answers node “{self.node_id}” neither with “approved” nor “refused”."
            raise NodeFailed(NO_ANSWER, told)
        reason = str(answer.get("reason") or "") if isinstance(answer, Mapping) else ""
        return Answer(
            kind="approval",
            verdict=cast(Any, verdict),
            by="case",
            sentence=reason,
            about=pause.about,
        )
