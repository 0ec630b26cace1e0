"""The nodes of a definition with where they stand, and which of two definitions are the same under another id. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.definition import Definition, Edge, NodeGraph, NodeSpec, of_spec

_TOLD_ELSEWHERE = ("id", "title", "description", "after", "body")
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A node, how it is written, its pointer, and the container whose body it is in."""

    node: NodeSpec
    spec: Mapping[str, Any]
    pointer: str
    container: str = ""

    @property
    def edges(self) -> tuple[Edge, ...]:
        return self.node.after


def by_id(definition: Definition | None) -> dict[str, Placed]:
    """All nodes in the order they run, those of a body after their container."""
    if definition is None:
        return {}
    return {
        each.node.id: each
        for each in _walk(definition, definition.spec["nodes"], pointer="/nodes", container="")
    }


def _walk(
    graph: NodeGraph, written: Sequence[Mapping[str, Any]], *, pointer: str, container: str
) -> Iterator[Placed]:
    places = {spec["id"]: place for place, spec in enumerate(written)}
    for node_id in graph.graph.order:
        node, place = graph.node(node_id), places[node_id]
        own = f"{pointer}/{place}"
        yield Placed(node=node, spec=written[place], pointer=own, container=container)
        if node.body is not None:
            inside = written[place]["body"]["nodes"]
            yield from _walk(node.body, inside, pointer=f"{own}/body/nodes", container=node_id)


def find_renamed(before: Definition, after: Definition) -> dict[str, str]:
    """New ids by old ones: nodes that do the same under another id, so far as one can be told from the next."""
    renamed: dict[str, str] = {}
    new = by_id(after)
    while True:
        old = by_id(with_ids(before, renamed))
        gone = [each for name, each in old.items() if name not in new]
        come = [each for name, each in new.items() if name not in old]
        found = _pairs(gone, come)
        if not found:
            return renamed
        renamed |= found  # what names these may be alike now, too


def _pairs(gone: list[Placed], come: list[Placed]) -> dict[str, str]:
    """Of several alike the one in the same place of the graph, else the first."""
    found: dict[str, str] = {}
    for old in gone:
        free = [new for new in come if new.node.id not in found.values()]
        alike = [new for new in free if _content(new) == _content(old)]
        beside = [new for new in alike if _sources(new) == _sources(old)]
        for new in (beside or alike)[:1]:
            found[old.node.id] = new.node.id
    return found


def _sources(placed: Placed) -> frozenset[tuple[str, str]]:
    return frozenset((edge.source, edge.branch or "") for edge in placed.edges)


def _content(placed: Placed) -> tuple[Any, ...]:
    told = {name: value for name, value in placed.spec.items() if name not in _TOLD_ELSEWHERE}
    inside = [node.id for node in placed.node.body.nodes] if placed.node.body else []
    return told, inside, placed.container


def with_ids(definition: Definition, renamed: Mapping[str, str]) -> Definition:
    """The definition with these ids replaced, wherever they are named."""
    if not renamed:
        return definition
    spec = dict(definition.spec)
    return of_spec(spec | {"nodes": [_renamed(node, renamed) for node in spec["nodes"]]})


def _renamed(node: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    made = {name: _in_templates(value, ids) for name, value in node.items()}
    made["id"] = ids.get(node["id"], node["id"])
    for words in ("title", "description"):
        if words in node:
            made[words] = node[words]
    if "after" in node:
        made["after"] = [_edge(entry, ids) for entry in node["after"]]
    if node["kind"] == "transform":
        made["expression"] = _names(node["expression"], ids)
    if "body" in node:
        made["body"] = node["body"] | {
            "nodes": [_renamed(inner, ids) for inner in node["body"]["nodes"]]
        }
    return made


def _edge(entry: str | Mapping[str, Any], ids: Mapping[str, str]) -> Any:
    if isinstance(entry, str):
        source, colon, branch = entry.partition(":")
        return f"{ids.get(source, source)}{colon}{branch}"
    return _in_templates(entry, ids) | {"node": ids.get(entry["node"], entry["node"])}


def _in_templates(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _TEMPLATE.sub(lambda found: _names(found[0], ids), value)
    if isinstance(value, Mapping):
        return {name: _in_templates(each, ids) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_in_templates(each, ids) for each in value]
    return value


def _names(text: str, ids: Mapping[str, str]) -> str:
    """Replace names that begin a path; a member (`.name`), a key (`name:`) or a quoted text stays."""
    for old, new in ids.items():
        text = re.sub(rf"(?<![\w.\"'`-]){re.escape(old)}(?![\w\"'`-]|\s*:(?!:))", new, text)
    return text
