"""A definition that may have problems, as far as it can be told: the nodes of each list and the edges between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workflows import shape
from workflows.definition import NodeSpec, build_node, edge_of
from workflows.definition_schema import MAX_NESTING
from workflows.graph import Edge, Graph
from workflows.nodes import KINDS
from workflows.problems import Problem
from workflows.source import Path, Source

JOINING = frozenset({"merge", "output"})  # they wait for live branches only


@dataclass(frozen=True, kw_only=True, eq=False)
class Scope:
    """One list of nodes: those of the definition itself, or those of a body.

    `broken` are the paths of nodes that have not the form of one. `outer` and `container` say where a body stands.
    """

    source: Source
    path: Path
    broken: frozenset[Path]
    outer: Scope | None = None
    container: str = ""

    @cached_property
    def places(self) -> Mapping[str, Path]:
        """Where each node stands; of two with the same id, the first."""
        found: dict[str, Path] = {}
        for place, node in enumerate(shape.listed(self._around, "nodes")):
            if node_id := shape.readable_id(node):
                found.setdefault(node_id, (*self.path, place))
        return found

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        return {node: str(self.written(node).get("kind")) for node in self.places}

    @cached_property
    def edges(self) -> tuple[tuple[Edge, Path], ...]:
        """Each edge with its path inside the node that it leads to."""
        return tuple(
            (edge_of(entry, node, self.kinds), ("after", count))
            for node in self.places
            for count, entry in enumerate(shape.listed(self.written(node), "after"))
            if _has_the_form_of_an_edge(entry)
        )

    @cached_property
    def specs(self) -> Mapping[str, NodeSpec]:
        """The nodes that have the form of one, and so have all nodes in their bodies."""
        return {
            node: build_node(self.source, path, self.kinds)
            for node, path in self.places.items()
            if not any(each[: len(path)] == path for each in self.broken)
        }

    @cached_property
    def known_graph(self) -> Graph:
        """The graph of those edges whose ends are both here."""
        return Graph(self.places, [edge for edge, _ in self.edges if edge.source in self.places])

    @cached_property
    def graph(self) -> Graph | None:
        """The graph, or None while it has a circle. A node that comes after itself is told of elsewhere."""
        edges = [edge for edge in self.known_graph.edges if edge.source != edge.target]
        graph = Graph(self.places, edges)
        return None if graph.find_cycle() else graph

    @cached_property
    def is_sound(self) -> bool:
        """Whether it can be told what is upstream of what, here and around."""
        return self.graph is not None and (self.outer is None or self.outer.is_sound)

    @cached_property
    def given(self) -> frozenset[str] | None:
        """The names this body is given; None while that cannot be told."""
        if self.outer is None:
            return frozenset()
        path = self.outer.places[self.container]
        if path in self.broken:
            return None
        written = self.outer.written(self.container)
        kind = KINDS[written["kind"]]
        return kind.body(kind.read(written)) if kind.body else frozenset()

    @cached_property
    def bodies(self) -> Mapping[str, Scope]:
        """The body of each container, by its id. Deeper than may be, nothing is looked at."""
        if len(self.path) // 3 >= MAX_NESTING:
            return {}
        return {
            node: Scope(
                source=self.source,
                path=(*path, "body", "nodes"),
                broken=self.broken,
                outer=self,
                container=node,
            )
            for node, path in self.places.items()
            if _is_container(self.kinds[node]) and isinstance(self.written(node).get("body"), dict)
        }

    def walk(self) -> Iterator[Scope]:
        yield self
        for body in self.bodies.values():
            yield from body.walk()

    @cached_property
    def around(self) -> tuple[Scope, ...]:
        """The scopes this one stands in, the nearest first."""
        return () if self.outer is None else (self.outer, *self.outer.around)

    @cached_property
    def home(self) -> Mapping[str, Scope]:
        """Every node of the whole definition, and the scope it stands in."""
        if self.outer is not None:
            return self.outer.home
        return {node: scope for scope in self.walk() for node in scope.places}

    @cached_property
    def doubtful(self) -> frozenset[str]:
        """Nodes at and after an edge that names no node: what is upstream of them is not known."""
        graph = self.known_graph
        mistaken = {edge.target for edge, _ in self.edges if edge.source not in self.places}
        return frozenset(mistaken).union(*(graph.descendants(node) for node in mistaken))

    @cached_property
    def surely_live(self) -> Mapping[str, frozenset[str]]:
        """For each node, the nodes of this list that have an output whenever it runs."""
        assert self.graph is not None  # noqa: S101 - asked of sound scopes only
        sure: dict[str, frozenset[str]] = {}
        for node in self.graph.order:
            each = [sure[source] | {source} for source in self.graph.sources(node)]
            if self.kinds[node] in JOINING and each:
                sure[node] = frozenset.intersection(*map(frozenset, each))
            else:
                sure[node] = frozenset().union(*each)
        return sure

    @cached_property
    def always_live(self) -> frozenset[str]:
        """The nodes that have an output whenever all of this list ended well."""
        assert self.graph is not None  # noqa: S101 - asked of sound scopes only
        always: set[str] = set()
        for node in self.graph.order:
            ways = [self._is_certain(edge, always) for edge in self.graph.edges_into(node)]
            joins = self.kinds[node] in JOINING and ways
            if any(ways) if joins else all(ways):
                always.add(node)
        return frozenset(always)

    def _is_certain(self, edge: Edge, always: set[str]) -> bool:
        spec = self.specs.get(edge.source)
        routed = spec is not None and spec.on_failure == "route"
        return edge.source in always and edge.branch is None and edge.when is None and not routed

    def written(self, node: str) -> Mapping[str, Any]:
        """The node as it is written."""
        values: Mapping[str, Any] = self._around["nodes"][self.places[node][-1]]
        return values

    def branches(self, node: str) -> list[str] | None:
        """The branches that an edge may wait for; None while that cannot be told."""
        if node not in self.specs:
            return None
        spec = self.specs[node]
        failed = ["failed"] if spec.on_failure == "route" else []
        return [*KINDS[spec.kind].branches(spec.config), *failed]

    def problem(self, node: str, path: Path, code: str, sentence: str, **more: Any) -> Problem:
        """A problem at a path inside a node."""
        whole = (*self.places[node], *path)
        return shape.problem_at(self.source, whole, node=node, code=code, sentence=sentence, **more)

    @cached_property
    def _around(self) -> Any:
        value = self.source.value
        for step in self.path[:-1]:
            value = value[step]
        return value


def _is_container(kind: str) -> bool:
    return kind in KINDS and KINDS[kind].body is not None


def _has_the_form_of_an_edge(entry: Any) -> bool:
    return isinstance(entry, str) or (isinstance(entry, dict) and shape.is_edge(entry))
