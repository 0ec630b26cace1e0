"""JSON values as a person types them into one line or one box, and back. Pure.

A text stands as it is; anything else, and a text that would be taken for something else, as JSON or YAML.
"""

from __future__ import annotations

import json
from typing import Any

from workflows import source
from workflows.yaml_text import value_to_yaml


def to_line(value: Any) -> str:
    """One line for a value; `from_line` gives the same value back."""
    if isinstance(value, str):
        text = str(value)
        return text if _reads_as_text(text) else json.dumps(text, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def from_line(text: str) -> Any:
    """The value of a line: JSON where it is JSON, else the text itself."""
    if _looks_like_json(text):
        try:
            return json.loads(text, parse_constant=_refuse)
        except ValueError:
            return text
    return text


def to_box(value: Any) -> str:
    """A value as YAML, to be edited in a box; empty for none."""
    return "" if value is None else value_to_yaml(value).removesuffix("\n")


def from_box(text: str) -> Any:
    """The value of a box. Raises SourceUnreadable with the line in the box."""
    return source.read(text).value if text.strip() else None


def _reads_as_text(text: str) -> bool:
    return from_line(text) == text and "\n" not in text


def _looks_like_json(text: str) -> bool:
    stripped = text.strip()
    if stripped in ("true", "false", "null"):
        return True
    if stripped[:1] == '"':
        return True
    if stripped[:1] in "{[" and stripped:
        return not stripped.startswith("{{")
    return stripped[:1] in "-0123456789" and bool(stripped)


def _refuse(name: str) -> Any:
    raise ValueError(name)
