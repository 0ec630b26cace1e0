"""The JSON Schema of a definition, assembled from the kinds of nodes. Published with the API. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from compliance.labels import DataClass
from workflows import expressions, retries
from workflows.nodes import KINDS

SCHEMA_ID = "https://grove.example/schemas/definition-1.json"
MAX_NODES = 1_000
MAX_NESTING = 2
ONLY_OUTSIDE = frozenset({"input", "output"})  # a body has no beginning and no end of its own
NODE_ID = "[a-z][a-z0-9_]{0,62}"

TOP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "grove": {"const": 1, "description": "The version of this format."},
        "name": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]{0,62}$",
            "description": "The workflow's address: small letters, digits and hyphens.",
        },
        "title": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": {"type": "string", "maxLength": 10_000},
        "data_class": {
            "enum": [level.word for level in DataClass],
            "description": "The highest class of data this workflow may carry.",
        },
        "on_worker_loss": {
            "enum": ["resume", "fail"],
            "description": "Whether a run whose worker was lost goes on by itself.",
        },
        "budget": {
            "type": "object",
            "description": "What one run may spend, in millionths of the currency.",
            "properties": {
                "amount_micros": {"type": "integer", "minimum": 1, "maximum": 10**15},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            },
            "required": ["amount_micros", "currency"],
            "additionalProperties": False,
        },
        "documentation": {
            "type": "object",
            "description": "What people need to know about this workflow.",
            "properties": {
                "purpose": {"type": "string"},
                "owner": {"type": "string", "maxLength": 200},
                "category": {"type": "string", "maxLength": 200},
                "legal_basis": {"type": "string"},
                "people_concerned": {"type": "string"},
                "retention_days": {"type": "integer", "minimum": 1, "maximum": 36_500},
            },
            "additionalProperties": False,
        },
        "nodes": {"type": "array", "minItems": 1, "maxItems": MAX_NODES},
    },
    "required": ["grove", "name", "data_class", "nodes"],
    "additionalProperties": False,
}

EVERY_NODE: dict[str, Any] = {
    "id": {"type": "string", "pattern": f"^{NODE_ID}$"},
    "kind": {"type": "string"},
    "title": {"type": "string", "maxLength": 200},
    "description": {"type": "string", "maxLength": 10_000},
    "after": {
        "type": "array",
        "description": "Nodes this one comes after: `node`, `node:branch` where that has branches, or "
        "{node, branch, when} with a comparison that must hold.",
        "items": {
            "type": ["string", "object"],
            "pattern": f"^{NODE_ID}(:{NODE_ID})?$",
            "properties": {
                "node": {"type": "string", "pattern": f"^{NODE_ID}$"},
                "branch": {"type": "string", "pattern": f"^{NODE_ID}$"},
                "when": expressions.SCHEMA,
            },
            "required": ["node"],
            "additionalProperties": False,
        },
        "uniqueItems": True,
    },
    "retry": retries.SCHEMA,
    "timeout_seconds": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 86_400,
        "description": "An attempt that takes longer fails with the code timeout.",
    },
    "on_failure": {
        "enum": ["fail", "continue", "route"],
        "description": "When its last attempt failed: fail the run, go on with `fallback`, or take the branch "
        "`failed`.",
    },
    "fallback": {
        "description": "What those after it read when it failed and the run goes on; null when left out.",
    },
    "respond_here": {
        "type": "boolean",
        "description": "Its output is the run's early response; the run goes on.",
    },
}
# An input does no work: there is nothing to try again, to bound or to answer early.
FOR_INPUT = frozenset({"id", "kind", "title", "description", "after"})


@lru_cache(maxsize=64)
def node_schema(kind: str) -> dict[str, Any]:
    """The schema of a whole node of this kind."""
    own = KINDS[kind].schema
    every = {
        name: rule for name, rule in EVERY_NODE.items() if kind != "input" or name in FOR_INPUT
    }
    return {
        "type": "object",
        "title": KINDS[kind].title,
        "description": KINDS[kind].sentence,
        "properties": {**every, "kind": {"const": kind}, **own["properties"]},
        "required": ["id", "kind", *own.get("required", ())],
        "additionalProperties": False,
    }


def definition_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a whole definition. Validation also checks what no schema can say."""
    inner = [kind for kind in KINDS if kind not in ONLY_OUTSIDE]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Definition of a workflow",
        **TOP,
        "properties": {
            **TOP["properties"],
            "nodes": TOP["properties"]["nodes"] | {"items": _one_of(KINDS)},
        },
        "$defs": {kind: _whole(node_schema(kind), inner) for kind in KINDS},
    }


def _whole(schema: dict[str, Any], inner: Iterable[str]) -> dict[str, Any]:
    """With the kinds that may stand in its body, where it has one."""
    if "body" not in schema["properties"]:
        return schema
    body = schema["properties"]["body"]
    nodes = body["properties"]["nodes"] | {"items": _one_of(inner)}
    whole = body | {"properties": body["properties"] | {"nodes": nodes}}
    return schema | {"properties": schema["properties"] | {"body": whole}}


def _one_of(kinds: Iterable[str]) -> dict[str, Any]:
    return {"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds]}
