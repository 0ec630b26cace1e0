"""tool: one call of a deterministic tool. Whether it may be made is decided at the governed door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.nodes.contract import Fault, Inputs, Kind, NodeContext, Result, Template
from workflows.nodes.filling import fill, fill_url
from workflows.tools.declarations import DECLARED, HTTP_REQUEST

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tool": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$", "description": "Its name."},
        "arguments": {
            "type": "object",
            "description": "What it is asked to do, with {{ references }}.",
        },
        "idempotent": {
            "type": "boolean",
            "description": "Doing it twice with the same Idempotency-Key is doing it once: it may be repeated when "
            "a worker was lost in the middle. Otherwise that waits for a person.",
        },
        "timeout_seconds": {"type": "integer", "minimum": 1, "maximum": 3600},
    },
    "required": ["tool", "arguments"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    tool: str
    arguments: Mapping[str, Any]
    idempotent: bool = False
    timeout_seconds: int = 60


def read(values: Mapping[str, Any]) -> Config:
    return Config(**{name: values[name] for name in SCHEMA["properties"] if name in values})


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    answer = ctx.tool(
        name=config.tool,
        arguments=filled(config, inputs),
        idempotent=config.idempotent,
        timeout_seconds=config.timeout_seconds,
        labels=ctx.labels,
    )
    return Result(output=answer.output, labels=answer.labels)


def filled(config: Config, inputs: Inputs) -> dict[str, Any]:
    """The arguments with their references; what is filled into an address stays inside its part of it."""
    return {
        name: fill_url(value, inputs)
        if config.tool == HTTP_REQUEST.name and name == "url" and isinstance(value, str)
        else fill(value, inputs)
        for name, value in config.arguments.items()
    }


def templates(config: Config) -> list[Template]:
    return [Template(path=("arguments",), value=config.arguments)]


def tools(config: Config) -> list[Template]:
    return [Template(path=("tool",), value=config.tool)]


def faults(config: Config) -> list[Fault]:
    """Arguments that the tool does not know, or misses: what stands in them may still be a reference."""
    declaration = DECLARED.get(config.tool)
    if declaration is None:
        return []  # which tools there are is checked elsewhere
    known, required = declaration.schema["properties"], declaration.schema["required"]
    found = [
        Fault(
            path=("arguments", name),
            code="tool_argument_unknown",
            sentence=f"“{config.tool}” knows no argument “{name}”. It takes: {', '.join(known)}.",
        )
        for name in config.arguments
        if name not in known
    ]
    return found + [
        Fault(
            path=("arguments",),
            code="tool_argument_missing",
            sentence=f"“{config.tool}” needs the argument “{name}”.",
        )
        for name in required
        if name not in config.arguments
    ]


KIND = Kind(
    name="tool",
    title="Tool",
    sentence="Calls a tool: a request to a declared host, or an object in a store.",
    schema=SCHEMA,
    read=read,
    run=run,
    templates=templates,
    tools=tools,
    faults=faults,
)
