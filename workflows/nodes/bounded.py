"""Whether a JSON Schema leaves no room for free text: the only declared way to raise integrity.

Pure, and strict: what is not known to be bounded is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_ITEMS = 100
_ANNOTATIONS = {"title", "description", "examples", "default", "$comment", "$schema", "deprecated"}
_NUMBER_RULES = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}


def is_bounded(schema: Any) -> bool:
    """True when every leaf is an enum, constant, number, boolean, null or date."""
    if not isinstance(schema, Mapping):
        return schema is False
    rules = set(schema) - _ANNOTATIONS
    if "const" in rules or "enum" in rules:
        return True
    match schema.get("type"):
        case "boolean" | "null":
            return rules <= {"type"}
        case "number" | "integer":
            return rules <= {"type"} | _NUMBER_RULES
        case "string":
            return rules <= {"type", "format"} and schema.get("format") in ("date", "date-time")
        case "array":
            return _is_bounded_array(schema, rules)
        case "object":
            return _is_bounded_object(schema, rules)
    return False


def _is_bounded_array(schema: Mapping[str, Any], rules: set[str]) -> bool:
    maximum = schema.get("maxItems", MAX_ITEMS + 1)
    return (
        rules <= {"type", "items", "minItems", "maxItems", "uniqueItems"}
        and isinstance(maximum, int)
        and maximum <= MAX_ITEMS
        and "items" in rules
        and is_bounded(schema["items"])
    )


def _is_bounded_object(schema: Mapping[str, Any], rules: set[str]) -> bool:
    return (
        rules <= {"type", "properties", "required", "additionalProperties"}
        and schema.get("additionalProperties") is False
        and all(is_bounded(inner) for inner in schema.get("properties", {}).values())
    )
