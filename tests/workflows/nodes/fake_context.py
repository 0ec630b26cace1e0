"""What a node is handed in tests: answers given beforehand, calls kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from compliance.labels import Labels
from workflows.nodes import ModelAnswer, NodeContext, NodeFailed, Pause, ToolAnswer

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@dataclass
class FakeContext:
    """Plays a governed door: takes the next answer for each model or tool call, and keeps what was asked."""

    answers: list[str | ModelAnswer] = field(default_factory=list)
    tool_answers: list[ToolAnswer | NodeFailed] = field(default_factory=list)
    labels: Labels = field(default_factory=Labels)
    run_input: Any = None
    node_id: str = "node"
    attempt: int = 1
    branches: frozenset[str] = frozenset()
    moment: datetime = NOON
    callback_url: str = ""
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    tool_calls: list[Mapping[str, Any]] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    children: list[Mapping[str, Any]] = field(default_factory=list)

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
        self.calls.append(
            {
                "model_group": model_group,
                "messages": [dict(message) for message in messages],
                "schema": schema,
                "max_tokens": max_tokens,
                "temperature": temperature,
                "timeout_seconds": timeout_seconds,
                "labels": labels,
            }
        )
        answer = self.answers.pop(0)
        return answer if isinstance(answer, ModelAnswer) else ModelAnswer(text=answer)

    def tool(
        self,
        *,
        name: str,
        arguments: Mapping[str, Any],
        idempotent: bool,
        timeout_seconds: int,
        labels: Labels,
    ) -> ToolAnswer:
        self.tool_calls.append(
            {
                "name": name,
                "arguments": dict(arguments),
                "idempotent": idempotent,
                "timeout_seconds": timeout_seconds,
                "labels": labels,
            }
        )
        answer = self.tool_answers.pop(0) if self.tool_answers else ToolAnswer(output=None)
        if isinstance(answer, NodeFailed):
            raise answer
        return answer

    def now(self) -> datetime:
        return self.moment

    def ask(
        self,
        *,
        kind: Literal["callback", "approval"],
        question: Any,
        schema: Mapping[str, Any] | None,
        expires_at: datetime,
        approver: str = "",
    ) -> Pause:
        self.asked.append(
            {"kind": kind, "question": question, "schema": schema, "approver": approver}
        )
        if kind == "callback":
            self.callback_url = "https://grove.test/callbacks/once"
        return Pause(kind=kind, until=expires_at)

    def child(self, *, workflow: str, run_input: Any) -> Pause:
        self.children.append({"workflow": workflow, "run_input": run_input})
        return Pause(kind="child", about={"workflow": workflow})


def is_a_node_context(context: FakeContext) -> NodeContext:
    """The type checker's proof that the fake has the real shape."""
    return context
