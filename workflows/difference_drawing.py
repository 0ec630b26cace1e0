"""The graph of a difference: what came, what went and what changed, each marked, in one picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from workflows.definition import Definition, NodeGraph, NodeSpec
from workflows.differences import Difference
from workflows.differences.placed import with_ids
from workflows.drawing import GraphPicture, NodeLook, draw_graph
from workflows.graph import Edge, Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedGraph:
    """One graph: the whole, or the body of a container. `told` says the marks in words."""

    name: str
    picture: GraphPicture
    told: str


def draw(
    before: Definition | None, after: Definition, difference: Difference
) -> tuple[MarkedGraph, ...]:
    """The whole graph, and below it the bodies in which something changed."""
    if before is not None:
        before = with_ids(before, dict(difference.renamed))
    return tuple(_draw(before, after, difference.marks(), name=""))


def _draw(
    before: NodeGraph | None, after: NodeGraph, marks: Mapping[str, str], *, name: str
) -> Iterator[MarkedGraph]:
    gone = [node for node in before.nodes if node.id not in after.by_id] if before else []
    looks = {node.id: _look(node, _mark(node, marks), marks) for node in after.nodes}
    looks |= {node.id: _look(node, "removed", marks) for node in gone}
    graph, tones = _union(before, after, gone)
    picture = draw_graph(graph, looks, direction="down")
    if not picture.fits:
        picture = draw_graph(graph, looks)
    edges = tuple(
        replace(drawn, tone=tones.get(_key(edge), "plain"))
        for drawn, edge in zip(picture.edges, graph.edges, strict=True)
    )
    yield MarkedGraph(name=name, picture=replace(picture, edges=edges), told=_told(looks))
    for node in after.nodes:
        if node.body is None or not any(inner.id in marks for inner in node.body.walk()):
            continue
        was = before.by_id.get(node.id) if before else None
        yield from _draw(was.body if was else None, node.body, marks, name=node.title)


def _mark(node: NodeSpec, marks: Mapping[str, str]) -> str:
    """A container in whose body something changed is changed, too."""
    if node.id in marks:
        return marks[node.id]
    below = node.body is not None and any(inner.id in marks for inner in node.body.walk())
    return "changed" if below else "plain"


def _look(node: NodeSpec, mark: str, marks: Mapping[str, str]) -> NodeLook:
    return NodeLook(
        title=node.title or node.id,
        kind=node.kind,
        note=node.kind,
        state=mark,
        href=f"#c-{node.id}" if node.id in marks else "#words",
        inside=len(node.body.nodes) if node.body else 0,
    )


def _union(
    before: NodeGraph | None, after: NodeGraph, gone: list[NodeSpec]
) -> tuple[Graph, dict[tuple[str, str, str], str]]:
    """All nodes and edges of both. Where that goes round in a circle, without the edges that went."""
    kept = {_key(edge): edge for edge in after.graph.edges}
    was = {_key(edge): edge for edge in before.graph.edges} if before else {}
    names = [node.id for node in (*after.nodes, *gone)]
    lost = [edge for key, edge in was.items() if key not in kept]
    lost = [edge for edge in lost if {edge.source, edge.target} <= set(names)]
    graph = Graph(names, [*kept.values(), *lost])
    if graph.find_cycle():
        graph = Graph(names, kept.values())
    tones = {key: "hot" for key in kept if before and key not in was}
    return graph, tones | {_key(edge): "skip" for edge in lost}


def _key(edge: Edge) -> tuple[str, str, str]:
    return edge.source, edge.target, edge.branch or ""


def _told(looks: Mapping[str, NodeLook]) -> str:
    """“1 node is new: Extra. 1 node changed: Sort.”, for whoever does not see colours."""
    told = []
    for mark, verb in (("added", "new"), ("removed", "gone"), ("changed", "changed")):
        names = [look.title for look in looks.values() if look.state == mark]
        if names:
            told.append(f"{verb.capitalize()}: {', '.join(names)}.")
    return " ".join(told) or "Every node is as it was."
