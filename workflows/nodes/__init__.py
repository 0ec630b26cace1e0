"""The kinds of nodes. A new kind is one file and one line in this list."""

from workflows.nodes import condition, input, llm, merge, output, redact, transform
from workflows.nodes.contract import (
    Inputs,
    Json,
    Kind,
    ModelAnswer,
    NodeContext,
    NodeFailed,
    NodeNote,
    Result,
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        input.KIND,
        redact.KIND,
        llm.KIND,
        condition.KIND,
        transform.KIND,
        merge.KIND,
        output.KIND,
    )
}

__all__ = [
    "KINDS",
    "Inputs",
    "Json",
    "Kind",
    "ModelAnswer",
    "NodeContext",
    "NodeFailed",
    "NodeNote",
    "Result",
]
