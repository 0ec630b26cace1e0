"""A directed graph of nodes: order, ancestors, descendants, depth, cycles.

Pure, and without recursion, so that a chain of any length is safe. Order follows the declaration.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from workflows.errors import GraphHasCycle, GraphIsBroken
from workflows.expressions import Comparison


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` comes after `source`: with a branch, only when the source took that branch; with a
    `when`, only when that holds."""

    source: str
    target: str
    branch: str | None = None
    when: Comparison | None = field(default=None, hash=False)

    def __str__(self) -> str:
        return f"{self.source}:{self.branch}" if self.branch else self.source


class Graph:
    """Nodes in the order they were declared, and the edges between them."""

    def __init__(self, nodes: Iterable[str], edges: Iterable[Edge]) -> None:
        """Raises GraphIsBroken for a node named twice or an edge to a node that is not there."""
        self.nodes = tuple(nodes)
        self.edges = tuple(edges)
        self._position = {node: position for position, node in enumerate(self.nodes)}
        if len(self._position) != len(self.nodes):
            raise GraphIsBroken("A node is named twice.")
        into: dict[str, list[Edge]] = {node: [] for node in self.nodes}
        out: dict[str, list[Edge]] = {node: [] for node in self.nodes}
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in self._position:
                    raise GraphIsBroken(f"An edge names “{end}”, which is not a node.")
            into[edge.target].append(edge)
            out[edge.source].append(edge)
        self._into = {node: tuple(edges) for node, edges in into.items()}
        self._out = {node: tuple(edges) for node, edges in out.items()}

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, node: object) -> bool:
        return node in self._position

    def edges_into(self, node: str) -> tuple[Edge, ...]:
        return self._into[node]

    def edges_out_of(self, node: str) -> tuple[Edge, ...]:
        return self._out[node]

    def sources(self, node: str) -> tuple[str, ...]:
        """Nodes directly before this one, each once, in the order of its edges."""
        return self._sources[node]

    def targets(self, node: str) -> tuple[str, ...]:
        """Nodes directly after this one, each once, in the order of its edges."""
        return self._targets[node]

    @cached_property
    def _sources(self) -> Mapping[str, tuple[str, ...]]:
        return {
            node: tuple(dict.fromkeys([edge.source for edge in edges]))
            for node, edges in self._into.items()
        }

    @cached_property
    def _targets(self) -> Mapping[str, tuple[str, ...]]:
        return {
            node: tuple(dict.fromkeys([edge.target for edge in edges]))
            for node, edges in self._out.items()
        }

    @cached_property
    def roots(self) -> tuple[str, ...]:
        return tuple(node for node in self.nodes if not self._into[node])

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        return tuple(node for node in self.nodes if not self._out[node])

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Every node after its sources; the first declared first. Raises GraphHasCycle."""
        waiting = {node: len(self.sources(node)) for node in self.nodes}
        ready = [self._position[node] for node in self.nodes if not waiting[node]]
        heapq.heapify(ready)
        ordered: list[str] = []
        while ready:
            node = self.nodes[heapq.heappop(ready)]
            ordered.append(node)
            for target in self.targets(node):
                waiting[target] -= 1
                if not waiting[target]:
                    heapq.heappush(ready, self._position[target])
        if len(ordered) != len(self.nodes):
            raise GraphHasCycle(self._cycle_among(set(self.nodes) - set(ordered)))
        return tuple(ordered)

    def find_cycle(self) -> tuple[str, ...] | None:
        """One cycle, its first node repeated at the end, or None."""
        try:
            self.order  # noqa: B018 — asked for what it raises
        except GraphHasCycle as found:
            return found.cycle
        return None

    def upstream(self, node: str) -> frozenset[str]:
        """All nodes from which this one can be reached, without itself (unless in a cycle)."""
        return self._reached(node, {name: self.sources(name) for name in self.nodes})

    def descendants(self, node: str) -> frozenset[str]:
        """All nodes that can be reached from this one, without itself (unless in a cycle)."""
        return self._reached(node, {name: self.targets(name) for name in self.nodes})

    @cached_property
    def ancestry(self) -> Mapping[str, frozenset[str]]:
        """`upstream` of every node at once, for a graph without cycles."""
        found: dict[str, frozenset[str]] = {}
        for node in self.order:
            sources = self.sources(node)
            found[node] = frozenset(sources).union(*(found[source] for source in sources))
        return found

    @cached_property
    def depths(self) -> Mapping[str, int]:
        """Length of the longest way from a root to each node."""
        found: dict[str, int] = {}
        for node in self.order:
            found[node] = max((found[source] + 1 for source in self.sources(node)), default=0)
        return found

    def depth(self, node: str) -> int:
        return self.depths[node]

    @staticmethod
    def _reached(start: str, steps: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
        seen: set[str] = set()
        pending = list(steps[start])
        while pending:
            node = pending.pop()
            if node not in seen:
                seen.add(node)
                pending.extend(steps[node])
        return frozenset(seen)

    def _cycle_among(self, stuck: set[str]) -> tuple[str, ...]:
        # Every stuck node has a stuck source: walking back must meet a node again.
        node = min(stuck, key=self._position.__getitem__)
        walked: dict[str, int] = {}
        while node not in walked:
            walked[node] = len(walked)
            node = next(source for source in self.sources(node) if source in stuck)
        path = list(walked)[walked[node] :]
        path.reverse()
        first = path.index(min(path, key=self._position.__getitem__))
        turned = path[first:] + path[:first]
        return (*turned, turned[0])
