"""What a replay found: each node beside what the record says of it, in the order of the graph. Values only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from runs import paths
from runs.evidence import Evidence, canonical
from runs.models import NodeExecution, NodeStatus, RunStatus
from runs.rehearsal import Rehearsal, Written
from workflows.definition import NodeGraph

SAME, DIFFERS, NOT_REACHED, REUSED = "same", "differs", "not_reached", "reused"
LAST = 1 << 30
Key = tuple[tuple[int, int], ...]
Places = dict[int, dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReplay:
    """One instance of a node. `state` is same, differs, not_reached or reused (taken over by a fork, and not replayed).

    `why` is empty where it is the same; `code` is that for programs.
    """

    node: str
    run_id: UUID
    kind: str
    state: str
    code: str = ""
    why: str = ""
    recorded: str = ""  # how it ended on record; empty where it was not reached
    replayed: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.node,
            "run": str(self.run_id),
            "kind": self.kind,
            "state": self.state,
            "code": self.code,
            "why": self.why,
            "recorded": self.recorded,
            "replayed": self.replayed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionChange:
    """A recorded decision that the other policy would have made otherwise."""

    decision_id: UUID
    node: str
    attempt: int
    resource: str
    change: str  # newly_denied, newly_allowed or modified
    before: str
    after: str
    reason: str
    policies: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "decision": str(self.decision_id),
            "node": self.node,
            "attempt": self.attempt,
            "resource": self.resource,
            "change": self.change,
            "before": self.before,
            "after": self.after,
            "reason": self.reason,
            "policies": list(self.policies),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """`result` is same or differs. `first` is the first node, in the order of the graph, that is not the same.

    `output_same` is None where one of the two has no output. The digests are commitments with the salt of the recorded
    output: equal when, and only when, the outputs are.
    """

    run_id: UUID
    version_number: int | None  # None where a draft was replayed that is no version yet
    revision_number: int
    policy_number: int
    result: str
    nodes: tuple[NodeReplay, ...]
    first: NodeReplay | None
    recorded_status: str
    replayed_status: str
    output_same: bool | None
    output_recorded: str
    output_replayed: str
    decisions: tuple[DecisionChange, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many nodes are in which state."""
        states = [each.state for each in self.nodes]
        return {state: states.count(state) for state in (SAME, DIFFERS, NOT_REACHED, REUSED)}

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.run_id),
            "version": self.version_number,
            "revision": self.revision_number,
            "policy": self.policy_number,
            "result": self.result,
            "first": self.first.to_json() if self.first else None,
            "recorded_status": self.recorded_status,
            "replayed_status": self.replayed_status,
            "output_same": self.output_same,
            "output_recorded": self.output_recorded,
            "output_replayed": self.output_replayed,
            "counts": dict(self.counts),
            "nodes": [each.to_json() for each in self.nodes],
            "decisions": [each.to_json() for each in self.decisions],
        }


def compare(rehearsal: Rehearsal, *, inside: str = "") -> list[NodeReplay]:
    """Each node of a run and of its child runs beside its record. `inside` is the node that started this run."""
    evidence = rehearsal.evidence
    found: list[NodeReplay] = []
    for path in in_order(rehearsal.nodes, {*evidence.attempts, *rehearsal.written}):
        child = rehearsal.children.get(path)
        if child is not None:
            found += compare(child, inside=f"{inside}{path}/")
        found.append(_compare_node(rehearsal, path, inside))
    return found


def find_first(nodes: Iterable[NodeReplay]) -> NodeReplay | None:
    """The first that differs, or that was reached then and is not now."""
    for each in nodes:
        if each.state == DIFFERS or (each.state == NOT_REACHED and each.recorded):
            return each
    return None


def _compare_node(rehearsal: Rehearsal, path: str, inside: str) -> NodeReplay:
    row, written = rehearsal.evidence.latest(path), rehearsal.written.get(path)
    state, code, why = _verdict(rehearsal, path, row, written)
    return NodeReplay(
        node=f"{inside}{path}",
        run_id=rehearsal.evidence.run.pk,
        kind=row.kind if row else _kind_of(rehearsal.nodes, path),
        state=state,
        code=code,
        why=why,
        recorded=row.status if row else "",
        replayed="" if written is None or path in rehearsal.unanswerable else written.status,
    )


def _verdict(
    rehearsal: Rehearsal, path: str, row: NodeExecution | None, written: Written | None
) -> tuple[str, str, str]:
    if path in rehearsal.reused:
        return REUSED, "", "It was taken over from the run that this one was forked from."
    if (error := rehearsal.unanswerable.get(path)) is not None:
        return DIFFERS, error.code, error.sentence
    if path in rehearsal.changed_decisions:
        return DIFFERS, "decision_differs", "The policy would decide otherwise about its call."
    if written is None or written.status in (NodeStatus.RUNNING, NodeStatus.WAITING):
        return _without_end(rehearsal, path, row)
    return _compare_ends(rehearsal.evidence, row, written)


def _without_end(
    rehearsal: Rehearsal, path: str, row: NodeExecution | None
) -> tuple[str, str, str]:
    if row is not None and row.status == NodeStatus.CANCELLED:
        return SAME, "", ""  # it was called off then, and comes to no end now
    return NOT_REACHED, "not_reached", _why_not_reached(rehearsal, path, row)


def _compare_ends(
    evidence: Evidence, row: NodeExecution | None, written: Written
) -> tuple[str, str, str]:
    if row is None and evidence.run.status == RunStatus.CANCELLED:
        return NOT_REACHED, "not_reached", "The run was cancelled before it came to this."
    if row is None:
        return DIFFERS, "new", f"It was not reached then, and is {written.status} now."
    return _compare_rows(evidence, row, written)


def _compare_rows(evidence: Evidence, row: NodeExecution, written: Written) -> tuple[str, str, str]:
    if row.status != written.status:
        code = f" ({written.error_code})" if written.error_code else ""
        return DIFFERS, "status_differs", f"It was {row.status}, and is {written.status}{code} now."
    if row.error_code != written.error_code:
        return (
            DIFFERS,
            "error_differs",
            f"It failed with {row.error_code}, now {written.error_code}.",
        )
    if row.branch != written.branch:
        return DIFFERS, "branch_differs", f"It took the branch {row.branch}, now {written.branch}."
    if row.status == NodeStatus.COMPLETED:
        recorded = evidence.open(row, "output_sealed")
        if canonical(recorded) != canonical(written.output):
            return DIFFERS, "output_differs", "Its output is another."
    return SAME, "", ""


def _why_not_reached(rehearsal: Rehearsal, path: str, row: NodeExecution | None) -> str:
    if row is None:
        return "It was not reached then either."
    if _position(rehearsal.nodes, path, {}) is None:
        return "This version has no such node."
    return "What comes before it has no answer on record, so nobody can say."


# -- the order of the graph -------------------------------------------------------------------------------------------


def in_order(nodes: NodeGraph, found: set[str]) -> list[str]:
    """What is inside of a container comes before the container: that is where a difference begins."""
    places: Places = {}
    known = {path: _position(nodes, path, places) for path in {*found, *nodes.graph.order}}
    return sorted(known, key=lambda path: (known[path] or ((LAST, 0),), path))


def _position(nodes: NodeGraph, path: str, places: Places) -> Key | None:
    """For each scope on the way: the place of the node in its graph, and of the body. None: it is not in there.

    `places` keeps those of each graph from one path to the next.
    """
    key: list[tuple[int, int]] = []
    graph: NodeGraph | None = nodes
    for step in path.split("."):
        node, _, rest = step.partition("[")
        if graph is None or node not in graph.by_id:
            return (*key, (LAST, 0)) if key and node == "run" else None
        place = int(rest.rstrip("]")) if rest else LAST
        if id(graph) not in places:
            places[id(graph)] = {each: number for number, each in enumerate(graph.graph.order)}
        key.append((places[id(graph)][node], place))
        graph = graph.node(node).body
    return tuple(key)


def _kind_of(nodes: NodeGraph, path: str) -> str:
    name = paths.node_of(path)
    return next((node.kind for node in nodes.walk() if node.id == name), "")
