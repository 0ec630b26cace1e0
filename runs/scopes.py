"""Nodes that run together: those of the workflow, or those of one body of a container. No database in here."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from compliance.labels import Labels, join
from runs.models.states import NodeStatus
from runs.planner import NodeState, dead_before
from workflows import references
from workflows.definition import Body, NodeGraph, NodeSpec
from workflows.graph import Edge
from workflows.nodes import Ends, Pause
from workflows.nodes.comparing import Judgement, judge

Failure = tuple[str, str, str]  # code, sentence, path of the node
TO_BEGIN = frozenset({"retry", "worker"})  # what an attempt waits for that has not begun
CHILD = "run"  # the node, and the kind of it, that stands for a body which runs as a child


@dataclass(frozen=True, slots=True)
class Shelved:
    """An output too large to be held while nobody reads it: it is fetched from the record when it is."""

    execution_id: UUID


Fetch = Callable[[Shelved], Any]


@dataclass(slots=True, kw_only=True, eq=False)
class Scope:
    """A graph under way. `path` is empty for the run itself, and `each_claim[3]` for a body.

    A node finds what it reads in its own scope first, then in what the body was given, then in what came into the
    container.
    """

    nodes: NodeGraph
    fetch: Fetch
    path: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    outer: Mapping[str, Any] = field(default_factory=dict)
    outer_labels: Labels = field(default_factory=Labels)
    container: Container | None = None
    place: int = 0
    since: datetime | None = None  # what is on record from before this does not count
    states: dict[str, NodeState] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, Labels] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)  # running, waiting, or open
    given_up: dict[str, tuple[str, str]] = field(default_factory=dict)  # codes and sentences
    failure: Failure | None = None
    is_over: bool = False
    has_moved: bool = False  # beyond what is on record

    def __post_init__(self) -> None:
        for node in self.nodes.graph.nodes:
            self.states.setdefault(node, NodeState())

    def path_of(self, node: str) -> str:
        return f"{self.path}.{node}" if self.path else node

    def node(self, node: str) -> NodeSpec:
        return self.nodes.by_id[node]

    def inputs_of(self, node: str) -> dict[str, Any]:
        """The values that a node declared it reads, and no others; nor what is before it by dead edges only."""
        nodes = self.nodes
        dead = dead_before(nodes.graph, nodes.kinds, node, self.states, self.judge)
        found: dict[str, Any] = {}
        for name in nodes.reads(node) - dead:
            for values in (self.outputs, self.given, self.outer):  # the nearest first
                if name in values:
                    found[name] = self.opened(values[name])
                    break
        return found

    def judge(self, edge: Edge) -> Judgement:
        """Decide the comparison on an edge by the values at hand. Raises NodeFailed."""
        assert edge.when is not None  # noqa: S101 - asked only of edges that have one
        named = references.references_in([edge.when.left, edge.when.right])
        at_hand = self.at_hand
        values = {
            name: self.opened(at_hand[name])
            for name in {reference.node for _, reference in named}
            if name in at_hand
        }
        return judge(edge.when, values)

    @property
    def at_hand(self) -> Mapping[str, Any]:
        """All that can be named in here; what is nearer hides what is farther. Large values are not fetched."""
        return ChainMap(self.outputs, dict(self.given), dict(self.outer))

    def opened(self, value: Any) -> Any:
        return self.fetch(value) if isinstance(value, Shelved) else value

    def labels_into(self, node: str) -> Labels:
        """The joined labels of all that a node reads."""
        reads = self.nodes.reads(node)
        parts = [self.labels[name] for name in reads if name in self.labels]
        if not reads <= self.states.keys():
            parts.append(self.outer_labels)
        return join(*parts)

    def settle(self, node: str, output: Any, labels: Labels, branch: str | None) -> None:
        self.states[node] = NodeState(status=NodeStatus.COMPLETED, branch=branch)
        self.outputs[node] = output
        self.labels[node] = labels

    def give_up(self, node: str, code: str, sentence: str) -> bool:
        """Take in that a node failed for good. True where the definition says how it goes on."""
        spec = self.nodes.node(node)
        self.given_up[node] = (code, sentence)
        if spec.on_failure == "fail":
            self.states[node] = NodeState(status=NodeStatus.FAILED)
            self.failure = self.failure or (code, sentence, self.path_of(node))
            return False
        routed = spec.on_failure == "route"
        self.states[node] = NodeState(
            status=NodeStatus.FAILED, branch="failed" if routed else None, goes_on=True
        )
        self.outputs[node] = {"code": code, "sentence": sentence} if routed else spec.fallback
        self.labels[node] = self.labels_into(node)
        return True


@dataclass(slots=True, kw_only=True, eq=False)
class Container:
    """A node that is made of bodies: for each item, or for each round."""

    scope: Scope
    node: str
    execution_id: UUID
    inputs: Mapping[str, Any]
    labels: Labels
    started_at: datetime
    deadline: datetime | None = None
    since: datetime | None = None
    bodies: list[Scope] = field(default_factory=list)
    ends: Ends = field(default_factory=Ends)
    config: Any = None  # that of its node, once it has been opened
    failure: tuple[str, str] | None = None

    @property
    def path(self) -> str:
        return self.scope.path_of(self.node)

    @property
    def is_idle(self) -> bool:
        return all(body.is_over for body in self.bodies)

    def holds(self, scope: Scope) -> bool:
        """Whether that is one of its bodies, or inside of one."""
        box = scope.container
        return box is not None and (box is self or self.holds(box.scope))

    def labels_now(self) -> Labels:
        """What came in, and what those nodes of its bodies made of it that the container names."""
        body = self.scope.node(self.node).body
        named = body.answers | {CHILD} if body else frozenset()
        made = (each.labels[name] for each in self.bodies for name in named if name in each.labels)
        return join(self.labels, *made)


@dataclass(slots=True, kw_only=True)
class Running:
    """An attempt on a thread of the node pool. Past its deadline what it brings is late."""

    scope: Scope
    node: str
    execution_id: UUID
    deadline: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Waiting:
    """An attempt that waits: to begin, or with a pause of the node's own, until its deadline at most."""

    scope: Scope
    node: str
    execution_id: UUID
    due_at: datetime | None
    pause: Pause | None = None  # None: it has not begun
    deadline: datetime | None = None
    is_handed_back: bool = False  # by a worker that stopped, not after a failure

    @property
    def waits_for(self) -> dict[str, Any]:
        if self.pause is None:
            return {"kind": "worker" if self.is_handed_back else "retry"}
        return {"kind": self.pause.kind, **self.pause.about}


def deadline_of(spec: NodeSpec, started_at: datetime | None) -> datetime | None:
    """When an attempt that began then has taken too long."""
    if spec.timeout_seconds is None or started_at is None:
        return None
    return started_at + timedelta(seconds=spec.timeout_seconds)


@dataclass(frozen=True, kw_only=True)
class AsChild(NodeGraph):
    """One node in the place of a body: it starts a child run, and is given all that the body would read."""

    body: Body

    def _read_by(self, node: NodeSpec) -> frozenset[str]:
        return self.body.outer_reads | self.body.given


def as_child(body: Body) -> AsChild:
    return AsChild(body=body, nodes=(NodeSpec(id=CHILD, kind=CHILD, title="Child run"),))


def outputs_of(scope: Scope) -> Mapping[str, Any]:
    """The outputs of a body's nodes, wherever it ran."""
    if isinstance(scope.nodes, AsChild):
        inside: Mapping[str, Any] = scope.opened(scope.outputs.get(CHILD, {}))
        return inside
    return {name: scope.opened(value) for name, value in scope.outputs.items()}
