"""output: what a run answers. A value with references; what was skipped is null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.nodes.contract import Inputs, Json, Kind, NodeContext, Result, Template
from workflows.nodes.filling import fill_or_null

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "value": {
            "description": "Any JSON value. A text that is exactly one {{ reference }} keeps the "
            "type of what it names; one that names a skipped node becomes null.",
        },
    },
    "required": ["value"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    value: Json


def read(values: Mapping[str, Any]) -> Config:
    return Config(value=values["value"])


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    return Result(output=fill_or_null(config.value, inputs))


def templates(config: Config) -> list[Template]:
    return [Template(path=("value",), value=config.value)]


KIND = Kind(
    name="output",
    title="Output",
    sentence="Puts together what the run answers.",
    schema=SCHEMA,
    read=read,
    run=run,
    pure=True,
    templates=templates,
)
