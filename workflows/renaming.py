"""Gives a node another id, with everything that names it following. Pure."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from ruamel.yaml.scalarstring import ScalarString

from workflows import jmes, node_tree, references
from workflows.references import Reference

# Members of a node in which braces are not references, or which are looked at by themselves.
WITHOUT_REFERENCES = frozenset(
    {"id", "kind", "title", "description", "after", "body", "expression", "code", "schema", "output"}
    | {"labels", "retry", "fallback", "detect", "may_call", "limits"}
)  # fmt: skip


def rename_everywhere(spec: Any, renamed: dict[str, str]) -> None:
    """Change ids, edges, templates and expressions of the whole definition, in place."""
    rename_in(spec.get("nodes") or [], renamed)


def rename_in(nodes: Iterable[Any], renamed: dict[str, str]) -> None:
    """The same for one list of nodes and the bodies in it; a name that a body is given hides that of a node."""
    for node in nodes:
        if not isinstance(node, MutableMapping):
            continue
        _rename_members(node, renamed)
        inside = node.get("body")
        if isinstance(inside, MutableMapping) and isinstance(inside.get("nodes"), list):
            given = node_tree.given_by(node)
            seen = {old: new for old, new in renamed.items() if old not in given}
            rename_in(inside["nodes"], seen)
        if node.get("id") in renamed:
            node["id"] = renamed[node["id"]]


def _rename_members(node: MutableMapping[str, Any], renamed: dict[str, str]) -> None:
    for name, value in node.items():
        if name not in WITHOUT_REFERENCES:
            node[name] = _in_value(value, renamed)
    if isinstance(node.get("expression"), str) and node.get("kind") == "transform":
        for old, new in renamed.items():
            node["expression"] = _like(
                node["expression"], jmes.rename(str(node["expression"]), old, new)
            )
    after = node.get("after")
    if isinstance(after, list):
        for place, entry in enumerate(after):
            after[place] = _in_entry(entry, renamed)


def _in_entry(entry: Any, renamed: dict[str, str]) -> Any:
    source = node_tree.source_of(entry)
    if isinstance(entry, str):
        if source not in renamed:
            return entry
        return _like(entry, node_tree.written_as(renamed[source], node_tree.branch_of(entry)))
    if isinstance(entry, MutableMapping):
        if source in renamed:
            entry["node"] = renamed[source]
        if "when" in entry:
            entry["when"] = _in_value(entry["when"], renamed)
    return entry


def _in_value(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _like(value, in_text(value, renamed))
    if isinstance(value, MutableMapping):
        for key, inner in value.items():
            value[key] = _in_value(inner, renamed)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            value[place] = _in_value(inner, renamed)
    return value


def in_text(text: str, renamed: dict[str, str]) -> str:
    """The template with its references renamed, and every other sign of it as it was."""
    found: list[str] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end = text.find("}}", start)
        if end < 0:
            break
        found += [text[position:start], "{{", _inside(text[start + 2 : end], renamed), "}}"]
        position = end + 2
    return "".join(found) + text[position:]


def _inside(written: str, renamed: dict[str, str]) -> str:
    try:
        reference = references.parse_reference(written.strip())
    except references.TemplateUnreadable:
        return written
    if reference.node not in renamed:
        return written
    return written.replace(
        str(reference), str(Reference(renamed[reference.node], reference.path)), 1
    )


def _like(old: str, new: str) -> str:
    """The new text in the style in which the old one stood in the YAML."""
    if old == new:
        return old
    return type(old)(new) if isinstance(old, ScalarString) else new
