"""What a node is handed in tests: answers given beforehand, calls kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compliance.labels import Labels
from workflows.nodes import ModelAnswer, NodeContext


@dataclass
class FakeContext:
    """Plays a governed door: takes the next answer for each model call."""

    answers: list[str | ModelAnswer] = field(default_factory=list)
    labels: Labels = field(default_factory=Labels)
    run_input: Any = None
    node_id: str = "node"
    attempt: int = 1
    calls: list[Mapping[str, Any]] = field(default_factory=list)

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


def is_a_node_context(context: FakeContext) -> NodeContext:
    """The type checker's proof that the fake has the real shape."""
    return context
