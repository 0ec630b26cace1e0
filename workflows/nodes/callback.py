"""callback: waits until somebody outside answers at an address that is signed and good for one use.

What comes back is checked against the schema, and trusted no more than a model's answer would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from compliance.labels import Integrity, Labels, join
from workflows import json_schemas
from workflows.nodes import tool
from workflows.nodes.bounded import is_bounded
from workflows.nodes.contract import (
    Answer,
    Fault,
    Inputs,
    Kind,
    NodeContext,
    NodeFailed,
    Pause,
    Result,
    Template,
)

LONGEST_SECONDS = 366 * 86_400
ADDRESS = "callback_url"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "expires_in_seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": LONGEST_SECONDS,
            "description": "After this the address is dead and the node fails.",
        },
        "schema": {
            "type": "object",
            "description": "JSON Schema 2020-12 of what is answered; anything when left out.",
        },
        "request": {
            **tool.SCHEMA,
            "description": "A tool call that tells somebody of the address: {{ callback_url }}.",
            "additionalProperties": False,
        },
    },
    "required": ["expires_in_seconds"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    expires_in_seconds: int
    schema: Mapping[str, Any] | None = None
    request: tool.Config | None = None


def read(values: Mapping[str, Any]) -> Config:
    return Config(
        expires_in_seconds=values["expires_in_seconds"],
        schema=values.get("schema"),
        request=tool.read(values["request"]) if "request" in values else None,
    )


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Pause:
    """Open the address, tell of it, and wait. Without an address it has been answered, to an attempt that was lost."""
    pause = ctx.ask(
        kind="callback",
        question=None,
        schema=config.schema,
        expires_at=ctx.now() + timedelta(seconds=config.expires_in_seconds),
    )
    if config.request is not None and ctx.callback_url:
        ctx.tool(
            name=config.request.tool,
            arguments=tool.filled(config.request, {**inputs, ADDRESS: ctx.callback_url}),
            idempotent=config.request.idempotent,
            timeout_seconds=config.request.timeout_seconds,
            labels=ctx.labels,
        )
    return pause


def resume(ctx: NodeContext, config: Config, _inputs: Inputs, answer: Answer) -> Result:
    if answer.expired:
        raise NodeFailed(
            "callback_expired",
            f"Nobody answered within {config.expires_in_seconds:,} seconds.",
        )
    if config.schema is not None and (found := json_schemas.faults(config.schema, answer.output)):
        raise NodeFailed("callback_schema_mismatch", f"The answer does not fit: {found[0]}.")
    return Result(output=answer.output, labels=_labels(ctx, config, answer.labels))


def _labels(ctx: NodeContext, config: Config, of_answer: Labels | None) -> Labels:
    bounded = config.schema is not None and is_bounded(config.schema)
    labels = ctx.labels if of_answer is None else join(ctx.labels, of_answer)
    integrity = Integrity.ENDORSED if bounded else Integrity.UNTRUSTED
    return labels.with_integrity(integrity).with_origins(ctx.node_id)


def templates(config: Config) -> list[Template]:
    if config.request is None:
        return []
    path = ("request", "arguments")
    return [Template(path=path, value=config.request.arguments, gives=frozenset({ADDRESS}))]


def tools(config: Config) -> list[Template]:
    return [Template(path=("request", "tool"), value=config.request.tool)] if config.request else []


def faults(config: Config) -> list[Fault]:
    of_request = tool.faults(config.request) if config.request else []
    of_schema = json_schemas.check_schema(config.schema) if config.schema is not None else []
    return [replace(fault, path=("request", *fault.path)) for fault in of_request] + [
        Fault(
            path=("schema", *fault.path),
            code="json_schema_invalid",
            sentence=f"The schema of its answer is not sound: {fault}.",
        )
        for fault in of_schema
    ]


def output_schema(config: Config) -> Mapping[str, Any] | None:
    return config.schema


KIND = Kind(
    name="callback",
    title="Callback",
    sentence="Waits until somebody outside answers at an address made for it.",
    schema=SCHEMA,
    read=read,
    run=run,
    resume=resume,
    templates=templates,
    tools=tools,
    faults=faults,
    output_schema=output_schema,
)
