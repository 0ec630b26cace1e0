"""What containers have in common: the form of a body, and filling in what its nodes made. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.nodes.contract import BodyEnd, Inputs, Json
from workflows.nodes.filling import fill_or_null

BODY: dict[str, Any] = {
    "type": "object",
    "description": "Nodes of its own. The first ones have no `after`; no edge leads in or out.",
    "properties": {"nodes": {"type": "array", "minItems": 1}},
    "required": ["nodes"],
    "additionalProperties": False,
}


def seen_by(inputs: Inputs, end: BodyEnd) -> Mapping[str, Json]:
    """All that can be named once a body ended; what is nearer hides what is farther."""
    return {**inputs, **end.given, **end.outputs}


def fill_after(value: Json, inputs: Inputs, end: BodyEnd) -> Json:
    """The value with its references filled in; a node that the body skipped becomes null. Raises NodeFailed."""
    return fill_or_null(value, seen_by(inputs, end))
