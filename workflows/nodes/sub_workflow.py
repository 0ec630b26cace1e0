"""sub_workflow: starts a run of another workflow in a pinned version and goes on with what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.nodes.contract import (
    Answer,
    Inputs,
    Json,
    Kind,
    NodeContext,
    NodeFailed,
    Pause,
    Result,
    Template,
)
from workflows.nodes.filling import fill

PINNED = "^[a-z][a-z0-9-]{0,62}@[1-9][0-9]{0,5}$"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "workflow": {
            "type": "string",
            "pattern": PINNED,
            "description": "The workflow and the number of its version: complaint-handling@3.",
        },
        "input": {"description": "What the run is started with, with {{ references }}."},
    },
    "required": ["workflow", "input"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    workflow: str
    input: Json


def read(values: Mapping[str, Any]) -> Config:
    return Config(workflow=values["workflow"], input=values["input"])


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Pause:
    return ctx.child(workflow=config.workflow, run_input=fill(config.input, inputs))


def resume(ctx: NodeContext, config: Config, _inputs: Inputs, answer: Answer) -> Result:
    """The child's output with the child's labels: they grew from those it was started with."""
    if answer.verdict != "completed":
        told = answer.sentence or f"It ended as {answer.verdict or 'unknown'}."
        raise NodeFailed("child_failed", f"The run of {config.workflow} did not complete: {told}")
    return Result(output=answer.output, labels=answer.labels or ctx.labels)


def templates(config: Config) -> list[Template]:
    return [Template(path=("input",), value=config.input)]


KIND = Kind(
    name="sub_workflow",
    title="Sub-workflow",
    sentence="Starts a run of another workflow and waits for what it answers.",
    schema=SCHEMA,
    read=read,
    run=run,
    resume=resume,
    templates=templates,
)
