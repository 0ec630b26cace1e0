"""The JSON Schema of a definition, assembled from the kinds of nodes. Published with the API. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from compliance.labels import DataClass
from workflows.nodes import KINDS

SCHEMA_ID = "https://grove.example/schemas/definition-1.json"
MAX_NODES = 1_000
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
        "documentation": {
            "type": "object",
            "description": "What people need to know about this workflow.",
            "properties": {
                "purpose": {"type": "string"},
                "owner": {"type": "string"},
                "category": {"type": "string"},
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
        "description": "Nodes this one comes after; `node:branch` for a branch of a condition.",
        "items": {"type": "string", "pattern": f"^{NODE_ID}(:{NODE_ID})?$"},
        "uniqueItems": True,
    },
}


@lru_cache(maxsize=64)
def node_schema(kind: str) -> dict[str, Any]:
    """The schema of a whole node of this kind."""
    own = KINDS[kind].schema
    return {
        "type": "object",
        "title": KINDS[kind].title,
        "description": KINDS[kind].sentence,
        "properties": {**EVERY_NODE, "kind": {"const": kind}, **own["properties"]},
        "required": ["id", "kind", *own.get("required", ())],
        "additionalProperties": False,
    }


def definition_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a whole definition. Validation also checks what no schema can say."""
    nodes = {
        **TOP["properties"]["nodes"],
        "items": {"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in KINDS]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Definition of a workflow",
        **TOP,
        "properties": {**TOP["properties"], "nodes": nodes},
        "$defs": {kind: node_schema(kind) for kind in KINDS},
    }
