"""transform: reshapes the outputs of upstream nodes by a JMESPath expression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows import jmes
from workflows.nodes.contract import (
    Fault,
    Inputs,
    Kind,
    NodeContext,
    NodeFailed,
    Result,
    Template,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "expression": {
            "type": "string",
            "minLength": 1,
            "maxLength": jmes.MAX_EXPRESSION,
            "description": "JMESPath over {node id: output} of every upstream node.",
        },
    },
    "required": ["expression"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    expression: str


def read(values: Mapping[str, Any]) -> Config:
    return Config(expression=values["expression"])


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    try:
        return Result(output=jmes.search(config.expression, dict(inputs)))
    except jmes.ExpressionFailed as error:
        raise NodeFailed(error.code, str(error)) from None


def names(config: Config) -> list[Template]:
    return [Template(path=("expression",), value=name) for name in jmes.names_in(config.expression)]


def reads_everything(config: Config) -> bool:
    return jmes.looks_at_everything(config.expression)


def faults(config: Config) -> list[Fault]:
    try:
        jmes.check(config.expression)
    except jmes.ExpressionFailed as error:
        return [Fault(path=("expression",), code="expression_invalid", sentence=str(error))]
    return []


KIND = Kind(
    name="transform",
    title="Transform",
    sentence="Reshapes what came before, without a model.",
    schema=SCHEMA,
    read=read,
    run=run,
    pure=True,
    names=names,
    reads_everything=reads_everything,
    faults=faults,
)
