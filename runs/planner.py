"""What may start now. Pure: a graph and the states of its nodes in, a plan out."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.graph import Edge, Graph
from workflows.nodes import NodeFailed
from workflows.nodes.comparing import Judgement

JOINING = frozenset(
    {"merge", "output"}
)  # these wait for their live branches; all others need every edge


@dataclass(slots=True)
class NodeState:
    """Where a node stands. `branch` is what it took; `goes_on` says that its failure does not stop the run."""

    status: str = "pending"
    branch: str | None = None
    goes_on: bool = False

    @property
    def is_settled(self) -> bool:
        return self.status in ("completed", "skipped") or self.goes_on


@dataclass(frozen=True, slots=True)
class Plan:
    """Nodes to start, nodes to skip with the reason that goes on record, and nodes of which nobody can say.

    A reason may hold a `record` of what was compared: that is content.
    """

    ready: tuple[str, ...] = ()
    skipped: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    undecidable: Mapping[str, NodeFailed] = field(default_factory=dict)


Judge = Callable[[Edge], Judgement]


def always(_edge: Edge) -> Judgement:
    return Judgement(held=True, record={})


def plan(
    graph: Graph,
    kinds: Mapping[str, str],
    states: Mapping[str, NodeState],
    changed: Iterable[str] | None = None,
    judge: Judge = always,
) -> Plan:
    """What follows from the nodes that changed (None: from everything, as after a take-over).

    A node starts when all edges into it are live. Where an edge is dead, because its source was skipped, took another
    branch or its comparison does not hold, the node is skipped; a joining node is skipped only when all its edges are
    dead. Skipping spreads at once. A comparison that cannot be decided fails the node behind it.
    """
    pending = deque(graph.order if changed is None else _targets(graph, changed))
    skipped: dict[str, dict[str, Any]] = {}
    ready: dict[str, None] = {}
    undecidable: dict[str, NodeFailed] = {}
    while pending:
        node = pending.popleft()
        if states[node].status != "pending" or node in skipped or node in ready:
            continue
        edges = graph.edges_into(node)
        try:
            verdicts = [_is_live(edge, states, skipped, judge) for edge in edges]
        except NodeFailed as failure:
            undecidable[node] = failure
            continue
        dead = verdicts.count(False)
        if dead and (dead == len(edges) or kinds[node] not in JOINING):
            skipped[node] = _because(edges[verdicts.index(False)], states, judge)
            pending.extend(graph.targets(node))
        elif None not in verdicts:
            ready[node] = None
    return Plan(ready=tuple(ready), skipped=skipped, undecidable=undecidable)


def dead_before(
    graph: Graph,
    kinds: Mapping[str, str],
    node: str,
    states: Mapping[str, NodeState],
    judge: Judge = always,
) -> frozenset[str]:
    """The nodes directly before a joining one from which no edge is live: they may have an output, but not for it."""
    if kinds[node] not in JOINING:
        return frozenset()
    live = {e.source for e in graph.edges_into(node) if _is_live(e, states, (), judge)}
    return frozenset(graph.sources(node)) - live


def _targets(graph: Graph, nodes: Iterable[str]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(target for node in nodes for target in graph.targets(node)))


def _is_live(
    edge: Edge, states: Mapping[str, NodeState], skipped: Container[str], judge: Judge
) -> bool | None:
    """True, False, or None while the source has not said."""
    source = states[edge.source]
    if edge.source in skipped or source.status == "skipped":
        return False
    if not source.is_settled:
        return None
    return _takes(edge, source) and (edge.when is None or judge(edge).held)


def _takes(edge: Edge, source: NodeState) -> bool:
    """Whether the source goes this way. What failed and is routed goes the failed way only."""
    if source.goes_on and source.branch:
        return edge.branch == source.branch
    return edge.branch is None or edge.branch == source.branch


def _because(edge: Edge, states: Mapping[str, NodeState], judge: Judge) -> dict[str, Any]:
    source = states[edge.source]
    if not source.is_settled or source.status == "skipped":
        return {"node": edge.source, "skipped": True}
    if _takes(edge, source):
        return {"node": edge.source, "when": False, "record": judge(edge).record}
    return {"node": edge.source, "needed": edge.branch, "taken": source.branch}
