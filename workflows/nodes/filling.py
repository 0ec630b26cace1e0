"""Fills the references of a node's configuration; what leads nowhere fails the node. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows import references
from workflows.nodes.contract import Inputs, NodeFailed


def fill(value: Any, inputs: Inputs) -> Any:
    """The value with its references filled in. Raises NodeFailed."""
    try:
        return references.render(value, inputs)
    except references.ReferenceMissing as error:
        raise NodeFailed("reference_missing", str(error)) from None
    except references.TemplateUnreadable as error:
        raise NodeFailed("template_unreadable", str(error)) from None
    except ValueError as error:
        raise NodeFailed("text_too_large", str(error)) from None


def fill_text(text: str, inputs: Inputs) -> str:
    """Like `fill`, but always a text. Raises NodeFailed."""
    value = fill(text, inputs)
    return value if isinstance(value, str) else references.text_of(value)


def fill_or_null(value: Any, inputs: Inputs) -> Any:
    """Like `fill`, but a text that is exactly one reference to a skipped node becomes null."""
    if isinstance(value, Mapping):
        return {key: fill_or_null(inner, inputs) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill_or_null(inner, inputs) for inner in value]
    if isinstance(value, str) and "{{" in value:
        parts = references.parse(value)
        only = parts[0] if len(parts) == 1 else None
        if isinstance(only, references.Reference) and only.node not in inputs:
            return None
    return fill(value, inputs)
