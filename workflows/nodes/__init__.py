"""The kinds of nodes. A new kind is one file and one line in this list."""

from workflows.nodes import (
    approval,
    callback,
    code,
    condition,
    delay,
    for_each,
    input,
    llm,
    merge,
    output,
    redact,
    refine,
    sub_workflow,
    tool,
    transform,
)
from workflows.nodes.bodies import Ends
from workflows.nodes.contract import (
    Answer,
    BodyEnd,
    FirstCall,
    Inputs,
    Json,
    Kind,
    ModelAnswer,
    NodeContext,
    NodeFailed,
    NodeNote,
    Pause,
    Result,
    Step,
    Template,
    ToolAnswer,
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
        tool.KIND,
        code.KIND,
        for_each.KIND,
        refine.KIND,
        sub_workflow.KIND,
        delay.KIND,
        callback.KIND,
        approval.KIND,
        output.KIND,
    )
}

__all__ = [
    "KINDS",
    "Answer",
    "BodyEnd",
    "Ends",
    "FirstCall",
    "Inputs",
    "Json",
    "Kind",
    "ModelAnswer",
    "NodeContext",
    "NodeFailed",
    "NodeNote",
    "Pause",
    "Result",
    "Step",
    "Template",
    "ToolAnswer",
]
