"""The nodes of a draft as an ordered list: the editor that needs no picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows import node_tree
from workflows.drawing import ICONS
from workflows.nodes import KINDS

DEEPEST = 5  # farther in, the indent says no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One node. `depth` is how far in it stands, in branches and in bodies; `trouble` is error, warning or nothing."""

    id: str
    name: str
    kind: str
    icon: str
    depth: int
    trouble: str
    selected: bool
    is_container: bool


def rows(spec: Any, *, selected: str = "", troubles: Mapping[str, str] | None = None) -> list[Row]:
    """Every node after its sources, those of a body below their container."""
    nodes = spec.get("nodes") if isinstance(spec, Mapping) else None
    if not isinstance(nodes, list):
        return []
    return list(_rows(nodes, 0, selected, troubles or {}))


def _rows(
    nodes: list[Any], around: int, selected: str, troubles: Mapping[str, str]
) -> Iterator[Row]:
    written = {spot.id: spot.written for spot in node_tree.spots({"nodes": nodes})}
    depths = _depths(nodes)
    for node in node_tree.in_order(nodes):
        values = written[node]
        kind = str(values.get("kind"))
        yield Row(
            id=node,
            name=node_tree.name_of(values),
            kind=KINDS[kind].title if kind in KINDS else kind,
            icon=ICONS.get(kind, "tool"),
            depth=min(around + depths[node], DEEPEST),
            trouble=troubles.get(node, ""),
            selected=node == selected,
            is_container=node_tree.is_container(values),
        )
        body = values.get("body")
        inside = body.get("nodes") if isinstance(body, Mapping) else None
        if isinstance(inside, list):
            yield from _rows(inside, around + depths[node] + 1, selected, troubles)


def _depths(nodes: list[Any]) -> dict[str, int]:
    """One further in after a node that several come after, and back out where ways join."""
    graph = node_tree.graph_of(nodes)
    found: dict[str, int] = {}
    for node in node_tree.in_order(nodes):
        sources = [each for each in graph.sources(node) if each in found]
        if len(sources) == 1:
            found[node] = found[sources[0]] + (len(graph.targets(sources[0])) > 1)
        else:
            found[node] = max(0, min((found[each] for each in sources), default=1) - 1)
    return found
