"""What may start now. Pure: a graph and the states of its nodes in, a plan out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.graph import Edge, Graph

JOINING = frozenset(
    {"merge", "output"}
)  # these wait for their live branches; all others need every edge


@dataclass(slots=True)
class NodeState:
    """Where a node stands. `branch` is what a condition chose."""

    status: str = "pending"
    branch: str | None = None

    @property
    def is_settled(self) -> bool:
        return self.status in ("completed", "skipped")


@dataclass(frozen=True, slots=True)
class Plan:
    """Nodes to start, and nodes to skip with the reason that goes on record."""

    ready: tuple[str, ...] = ()
    skipped: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def plan(
    graph: Graph,
    kinds: Mapping[str, str],
    states: Mapping[str, NodeState],
    changed: Iterable[str] | None = None,
) -> Plan:
    """What follows from the nodes that changed (None: from everything, as after a take-over).

    A node starts when all edges into it are live. Where an edge is dead, because its source was skipped or took another
    branch, the node is skipped; a joining node is skipped only when all its edges are dead. Skipping spreads at once.
    """
    pending = list(graph.order if changed is None else _targets(graph, changed))
    skipped: dict[str, dict[str, Any]] = {}
    ready: dict[str, None] = {}
    while pending:
        node = pending.pop(0)
        if states[node].status != "pending" or node in skipped or node in ready:
            continue
        verdicts = [(_is_live(edge, states, skipped), edge) for edge in graph.edges_into(node)]
        dead = [edge for live, edge in verdicts if live is False]
        undecided = any(live is None for live, _ in verdicts)
        joining = kinds[node] in JOINING
        if dead and (not joining or len(dead) == len(verdicts)):
            skipped[node] = _because(dead[0], states)
            pending.extend(graph.targets(node))
        elif not undecided:
            ready[node] = None
    return Plan(ready=tuple(ready), skipped=skipped)


def _targets(graph: Graph, nodes: Iterable[str]) -> list[str]:
    return [target for node in nodes for target in graph.targets(node)]


def _is_live(
    edge: Edge, states: Mapping[str, NodeState], skipped: Mapping[str, Any]
) -> bool | None:
    """True, False, or None while the source has not said."""
    source = states[edge.source]
    if edge.source in skipped or source.status == "skipped":
        return False
    if source.status != "completed":
        return None
    return edge.branch is None or edge.branch == source.branch


def _because(edge: Edge, states: Mapping[str, NodeState]) -> dict[str, Any]:
    source = states[edge.source]
    if source.status == "completed":
        return {"node": edge.source, "needed": edge.branch, "taken": source.branch}
    return {"node": edge.source, "skipped": True}
