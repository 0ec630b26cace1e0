"""Fills the references of a node's configuration; what leads nowhere fails the node. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows import references
from workflows.nodes.contract import Inputs, NodeFailed

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


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


def fill_url(url: str, inputs: Inputs) -> str:
    """An address with its references filled in. What is filled into a part of it is percent-encoded (RFC 3986, 2.1),
    so that no value can lead to another path or host; an address that is one reference is taken as it is.
    Raises NodeFailed."""
    try:
        parts = references.parse(url)
    except references.TemplateUnreadable as error:
        raise NodeFailed("template_unreadable", str(error)) from None
    if len(parts) == 1:
        return fill_text(url, inputs)
    return "".join(
        part if isinstance(part, str) else _encoded(fill_text("{{" + str(part) + "}}", inputs))
        for part in parts
    )


def _encoded(text: str) -> str:
    if text and not text.strip("."):
        raise NodeFailed("url_part_refused", "Dots alone lead to another path of an address.")
    return "".join(
        chr(byte) if chr(byte) in UNRESERVED else f"%{byte:02X}" for byte in text.encode()
    )


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
