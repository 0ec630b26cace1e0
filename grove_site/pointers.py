"""A serializer's nested errors as a flat list with JSON Pointers (RFC 6901), as problem documents carry them."""

from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import ErrorDetail


def to_errors(detail: Any) -> list[dict[str, str]]:
    """[{"pointer": "#/nodes/3/model_group", "detail": "…", "code": "…"}, …]"""
    return list(_walk(detail, "#"))


def _walk(detail: Any, pointer: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = pointer if name == "non_field_errors" else f"{pointer}/{_escape(str(name))}"
            yield from _walk(inner, here)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            leaf = isinstance(inner, ErrorDetail | str)
            yield from _walk(inner, pointer if leaf else f"{pointer}/{position}")
    else:
        code = getattr(detail, "code", None) or "invalid"
        yield {"pointer": pointer, "detail": str(detail), "code": str(code)}


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
