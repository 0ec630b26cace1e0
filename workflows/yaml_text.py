"""Writes a spec as YAML: the same bytes for the same spec, and read back it is the same spec. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

_TOP_ORDER = (
    "grove", "name", "title", "description", "data_class", "on_worker_loss", "budget",
    "documentation", "nodes",
)  # fmt: skip
_NODE_ORDER = ("id", "kind", "title", "description", "after")


def to_yaml(spec: Mapping[str, Any]) -> str:
    """The spec as YAML 1.2. Members every definition has come first; others as they were written."""
    ordered = _with_nodes_in_order(_in_order(spec, _TOP_ORDER))
    stream = StringIO()
    _writer().dump(dressed(ordered), stream)
    return stream.getvalue()


def value_to_yaml(value: Any) -> str:
    """Any JSON value as YAML, as it stands."""
    stream = StringIO()
    _writer().dump(dressed(value), stream)
    return stream.getvalue().removesuffix("...\n")


def _with_nodes_in_order(values: dict[str, Any]) -> dict[str, Any]:
    """Of a definition or a body, and of the bodies in it."""
    if not isinstance(values.get("nodes"), list):
        return values
    return values | {"nodes": [_node_in_order(node) for node in values["nodes"]]}


def _node_in_order(node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    ordered = _in_order(node, _NODE_ORDER)
    if isinstance(ordered.get("body"), Mapping):
        ordered["body"] = _with_nodes_in_order(dict(ordered["body"]))
    return ordered


def _in_order(values: Mapping[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{name: values[name] for name in first if name in values},
        **{name: value for name, value in values.items() if name not in first},
    }


def _writer() -> YAML:
    writer = YAML(typ="rt", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.width = 100_000  # a folded line may lose a blank
    writer.representer.ignore_aliases = lambda *_: True
    writer.indent(mapping=2, sequence=4, offset=2)
    return writer


def dressed(value: Any) -> Any:
    """Texts get the style in which YAML gives them back unchanged."""
    if isinstance(value, Mapping):
        return {_dressed_text(key): dressed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [dressed(inner) for inner in value]
    if isinstance(value, str):
        return _dressed_block(value) if "\n" in value else _dressed_text(value)
    return value


def _dressed_block(text: str) -> Any:
    lines = text.split("\n")
    is_plain = all(line == line.rstrip() and _is_printable(line) for line in lines)
    if is_plain and lines[0] and not lines[0].startswith(" "):
        return LiteralScalarString(text)
    return DoubleQuotedScalarString(text)


def _dressed_text(text: str) -> Any:
    if not _is_printable(text) or len(text) > 120 or text != text.strip() or not text:
        return DoubleQuotedScalarString(text)
    return text


def _is_printable(text: str) -> bool:
    return text.isprintable() and "\ufeff" not in text
