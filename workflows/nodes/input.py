"""input: where a run begins. Its schema says what may come in, its labels what that carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.labels import DataClass, Integrity, Labels, join
from workflows import json_schemas
from workflows.nodes.contract import Fault, Inputs, Json, Kind, NodeContext, NodeFailed, Result

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "schema": {
            "type": "object",
            "description": "JSON Schema 2020-12 of what a run is started with.",
        },
        "labels": {
            "type": "object",
            "description": "What every input carries.",
            "properties": {
                "data_class": {"enum": [level.word for level in DataClass]},
                "integrity": {"enum": [level.word for level in Integrity]},
                "tags": {
                    "type": "array",
                    "items": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,30}$"},
                    "uniqueItems": True,
                },
                "residency": {
                    "type": "array",
                    "items": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,30}$"},
                    "uniqueItems": True,
                },
            },
            "additionalProperties": False,
        },
    },
    "required": ["schema"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    schema: Mapping[str, Any]
    labels: Labels = field(default_factory=Labels)


def read(values: Mapping[str, Any]) -> Config:
    labels = values.get("labels", {})
    return Config(
        schema=values["schema"],
        labels=Labels(
            data_class=DataClass.from_word(labels.get("data_class", "public")),
            # What comes from outside steers nothing unless the author vouches for it.
            integrity=Integrity.from_word(labels.get("integrity", "untrusted")),
            tags=frozenset(labels.get("tags", ())),
            residency=frozenset(labels["residency"]) if "residency" in labels else None,
        ),
    )


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    """Hand on what the run was started with, checked once more."""
    found = json_schemas.faults(config.schema, ctx.run_input)
    if found:
        raise NodeFailed("input_schema_mismatch", f"The input does not fit: {found[0]}.")
    labels = join(ctx.labels, config.labels).with_origins(ctx.node_id)
    return Result(output=ctx.run_input, labels=labels)


def faults(config: Config) -> list[Fault]:
    return [
        Fault(
            path=("schema", *fault.path),
            code="json_schema_invalid",
            sentence=f"The schema of its input is not sound: {fault}.",
        )
        for fault in json_schemas.check_schema(config.schema)
    ]


def output_schema(config: Config) -> Mapping[str, Json]:
    return config.schema


KIND = Kind(
    name="input",
    title="Input",
    sentence="Takes what the run is started with and checks it against a schema.",
    schema=SCHEMA,
    read=read,
    run=run,
    pure=True,
    faults=faults,
    output_schema=output_schema,
)
