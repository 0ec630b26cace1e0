"""The nodes of a definition as it is written: plain mappings and lists that may have problems. Pure.

What edits and the editor stand on. It never raises for what a definition says; `definition` and `checks` judge that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows import shape
from workflows.graph import Edge, Graph
from workflows.nodes import KINDS
from workflows.nodes.contract import nothing

Written = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a node stands: the list it is in, its place there, and the container of that list, if it is a body."""

    nodes: list[Any]
    place: int
    container: Written | None = None
    depth: int = 0

    @property
    def written(self) -> Written:
        found: Written = self.nodes[self.place]
        return found

    @property
    def id(self) -> str:
        return str(self.written["id"])


def spots(spec: Any) -> Iterator[Spot]:
    """Every node that has a readable id, and after a container those of its body."""
    yield from _spots(shape.listed(spec, "nodes"), None, 0)


def _spots(nodes: list[Any], container: Written | None, depth: int) -> Iterator[Spot]:
    for place, node in enumerate(nodes):
        if shape.readable_id(node):
            yield Spot(nodes, place, container, depth)
            yield from _spots(shape.listed(node, "body", "nodes"), node, depth + 1)


def find(spec: Any, node: str) -> Spot | None:
    return next((spot for spot in spots(spec) if spot.id == node), None)


def ids(spec: Any) -> frozenset[str]:
    return frozenset(spot.id for spot in spots(spec))


def entries(node: Mapping[str, Any]) -> list[Any]:
    """The entries of `after` that have the form of an edge."""
    return [entry for entry in shape.listed(node, "after") if source_of(entry)]


def source_of(entry: Any) -> str:
    """The node that an entry of `after` names; empty where that cannot be told."""
    if isinstance(entry, str):
        return str(entry).partition(":")[0]
    named = entry.get("node") if isinstance(entry, Mapping) else None
    return str(named) if isinstance(named, str) else ""


def branch_of(entry: Any) -> str:
    if isinstance(entry, str):
        return str(entry).partition(":")[2]
    return str(entry.get("branch") or "")


def written_as(source: str, branch: str) -> str:
    """An entry of `after` as a text."""
    return f"{source}:{branch}" if branch else source


def graph_of(nodes: list[Any]) -> Graph:
    """The edges between the nodes of one list, as far as they lead from one of them to another."""
    known = {
        str(node["id"]): node for node in reversed(nodes) if shape.readable_id(node) is not None
    }
    order = list(dict.fromkeys(str(node["id"]) for node in nodes if shape.readable_id(node)))
    edges = [
        Edge(source=source_of(entry), target=node, branch=branch_of(entry) or None)
        for node in order
        for entry in entries(known[node])
        if source_of(entry) in known and source_of(entry) != node
    ]
    return Graph(order, edges)


def in_order(nodes: list[Any]) -> tuple[str, ...]:
    """The nodes of one list, each after its sources; as they were declared while they go round in a circle."""
    return order_of(graph_of(nodes))


def order_of(graph: Graph) -> tuple[str, ...]:
    return graph.nodes if graph.find_cycle() else graph.order


def branches_of(node: Mapping[str, Any]) -> list[str]:
    """The branches that an edge may name, as far as the node can be read."""
    kind = KINDS.get(str(node.get("kind")))
    found: list[str] = []
    if node.get("kind") == "condition":
        cases = [case for case in shape.listed(node, "cases") if isinstance(case, Mapping)]
        found += [str(case["branch"]) for case in cases if isinstance(case.get("branch"), str)]
        if isinstance(node.get("otherwise"), str):
            found.append(str(node["otherwise"]))
    elif kind is not None and kind.branches is not nothing and has_form(node):
        found += kind.branches(kind.read(node))
    if node.get("on_failure") == "route":
        found.append("failed")
    return list(dict.fromkeys(found))


def plain_branch_of(node: Mapping[str, Any]) -> str:
    """The branch that an entry waits for which names none."""
    kind = KINDS.get(str(node.get("kind")))
    return (kind.plain_branch or "") if kind else ""


def given_by(node: Mapping[str, Any]) -> frozenset[str]:
    """The names that a container gives to its body."""
    kind = KINDS.get(str(node.get("kind")))
    if kind is None or kind.body is None or not has_form(node):
        return frozenset()
    return kind.body(kind.read(node))


def is_container(node: Mapping[str, Any]) -> bool:
    kind = KINDS.get(str(node.get("kind")))
    return kind is not None and kind.body is not None


def has_form(node: Mapping[str, Any]) -> bool:
    """Whether the node has the form that its kind asks for."""
    kind = node.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return False
    return not shape.faults_of(kind, node)


def name_of(node: Mapping[str, Any]) -> str:
    """What people call it: its title, else its id."""
    title = node.get("title")
    return title if isinstance(title, str) and title.strip() else str(node.get("id", ""))
