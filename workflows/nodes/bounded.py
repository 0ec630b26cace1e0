"""Whether a JSON Schema leaves no room for free text: the only declared way to raise integrity.

Pure, and strict: what is not known to be bounded is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    judge = _JUDGES.get(str(schema.get("type")))
    return judge is not None and judge(schema, rules)


def _is_bounded_word(_schema: Mapping[str, Any], rules: set[str]) -> bool:
    return rules <= {"type"}


def _is_bounded_number(_schema: Mapping[str, Any], rules: set[str]) -> bool:
    return rules <= {"type"} | _NUMBER_RULES


def _is_bounded_string(schema: Mapping[str, Any], rules: set[str]) -> bool:
    return rules <= {"type", "format"} and schema.get("format") in ("date", "date-time")


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


_JUDGES: Mapping[str, Callable[[Mapping[str, Any], set[str]], bool]] = {
    "boolean": _is_bounded_word,
    "null": _is_bounded_word,
    "number": _is_bounded_number,
    "integer": _is_bounded_number,
    "string": _is_bounded_string,
    "array": _is_bounded_array,
    "object": _is_bounded_object,
}
