"""What a node may read: its upstream nodes with what their schemas say they give, and what a body is given. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from workflows import node_tree
from workflows.node_tree import Spot
from workflows.nodes import KINDS

DEPTH = 2  # of members that are offered one by one
MOST = 60


def references(spec: Any, spot: Spot, *, inside: bool = False) -> list[str]:
    """What can be written between braces here, the nearest first. `inside`: of what a container fills in at its end."""
    found = chain(_within(spot) if inside else (), _beside(spec, spot))
    return list(dict.fromkeys(islice(found, MOST)))


def _within(spot: Spot) -> Iterator[str]:
    body = spot.written.get("body")
    nodes = body.get("nodes") if isinstance(body, Mapping) else None
    for node in reversed(nodes if isinstance(nodes, list) else []):
        yield from _given_by(node)
    yield from sorted(node_tree.given_by(spot.written))


def _beside(spec: Any, spot: Spot) -> Iterator[str]:
    graph = node_tree.graph_of(spot.nodes)
    above = graph.upstream(spot.id)
    written = {each.id: each.written for each in node_tree.spots({"nodes": spot.nodes})}
    for node in reversed(node_tree.order_of(graph)):
        if node in above:
            yield from _given_by(written[node])
    if spot.container is not None:
        yield from sorted(node_tree.given_by(spot.container))
        around = node_tree.find(spec, str(spot.container.get("id")))
        if around is not None:
            yield from _beside(spec, around)


def _given_by(node: Any) -> Iterator[str]:
    """The members of its output, as far as its schema names them; otherwise all of it."""
    if not isinstance(node, Mapping) or not isinstance(node.get("id"), str):
        return
    schema = output_schema(node)
    members = list(_members(schema, str(node["id"]), DEPTH))
    yield from members or [str(node["id"])]


def output_schema(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the node gives, where its kind can tell."""
    if not node_tree.has_form(node):
        return None
    kind = KINDS[str(node["kind"])]
    return kind.output_schema(kind.read(node))


def _members(schema: Any, so_far: str, depth: int) -> Iterator[str]:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or not depth:
        return
    for name, inner in properties.items():
        if not str(name).replace("_", "a").replace("-", "a").isalnum():
            continue
        yield f"{so_far}.{name}"
        yield from _members(inner, f"{so_far}.{name}", depth - 1)
