"""The kinds of nodes that can be under way: those a definition may name, and a body that runs as a child."""

from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

from runs.scopes import CHILD
from workflows import nodes
from workflows.nodes import Answer, Inputs, Kind, NodeContext, NodeFailed, Pause, Result


class StartsBodies(Protocol):
    """What a door can do beside what a definition's own kinds ask of it."""

    def child_of_body(self, inputs: Inputs) -> Pause: ...


def _start(ctx: NodeContext, _config: Any, inputs: Inputs) -> Pause:
    return cast(StartsBodies, ctx).child_of_body(inputs)


def _go_on(ctx: NodeContext, _config: Any, _inputs: Inputs, answer: Answer) -> Result:
    if answer.verdict != "completed":
        raise NodeFailed(
            answer.code or "child_failed", answer.sentence or f"The child run was {answer.verdict}."
        )
    return Result(output=answer.output, labels=answer.labels or ctx.labels)


BODY_AS_CHILD = Kind(
    name=CHILD,
    title="Child run",
    sentence="Runs one body of a container as a run of its own.",
    schema={"type": "object", "properties": {}},
    read=lambda values: None,
    run=_start,
    resume=_go_on,
)

KINDS: Final[Mapping[str, Kind]] = {**nodes.KINDS, CHILD: BODY_AS_CHILD}
