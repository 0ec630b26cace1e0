"""What a fork would take over, what it would run again, and what would be done outside once more. Changes nothing."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from runs import interrupted, paths
from runs.errors import NodeNotInRun
from runs.kinds import KINDS
from runs.models import CallStatus, NodeExecution, NodeStatus, Run, ToolCall
from runs.models.tool_call import WRITES
from runs.scopes import CHILD, as_child
from workflows.definition import Definition, NodeGraph

FORK = "fork"  # the worker of an execution that was taken over from another run
SETTLED = (NodeStatus.COMPLETED, NodeStatus.SKIPPED)
NOT_WHAT_RUNS = ("title", "description")  # of a node: for people only


@dataclass(frozen=True, slots=True, kw_only=True)
class SideEffect:
    """A call that had an effect outside, or may have had, and would be made again."""

    call_id: UUID
    run_id: UUID
    node: str
    tool: str
    destination: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why this fork cannot be made: a code for programs, a sentence for people."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkPlan:
    """Nodes of the run by id, those in the bodies of a container that goes on by path; both in graph order.

    `kept` are the paths of all executions that are taken over, `reopened` those of containers that go on.
    """

    at: str
    version_number: int
    reused: tuple[str, ...]
    run_again: tuple[str, ...]
    side_effects: tuple[SideEffect, ...] = ()
    problems: tuple[Problem, ...] = ()
    kept: frozenset[str] = frozenset()
    reopened: tuple[str, ...] = ()

    @property
    def needs_confirmation(self) -> bool:
        return bool(self.side_effects)


@dataclass(slots=True)
class Choice:
    """Which nodes are taken over, gathered scope by scope."""

    latest: Mapping[str, NodeExecution]  # by path; without content
    reused: list[str] = field(default_factory=list)
    run_again: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    reopened: list[str] = field(default_factory=list)


def choose(
    definition: Definition,
    latest: Mapping[str, NodeExecution],
    at: str,
    changed: Collection[str] = (),
) -> Choice:
    """Take over what is settled, is neither `at` nor after it, and is not `changed` nor after anything that is.

    `at` is a node's id, or the path of an instance in a body (each_claim[3].draft): the container then goes on with
    its other bodies. Raises NodeNotInRun.
    """
    choice = Choice(latest=latest)
    body = paths.body_of(at)
    if body and not any(path.startswith(f"{body}.") for path in latest):
        raise NodeNotInRun(f"Nothing ran in “{body}” of this run.")
    _choose_in(definition, "", at, frozenset(changed), choice)
    return choice


def _choose_in(
    nodes: NodeGraph, body: str, at: str | None, changed: frozenset[str], choice: Choice
) -> None:
    place = None if at is None else _next_place(nodes, body, at)
    again: set[str] = set()
    for node in nodes.graph.order:
        path = paths.node_path(body, node)
        row = choice.latest.get(path)
        follows = node in changed or bool(nodes.graph.ancestry[node] & again)
        if node != place and not follows and row is not None and row.status in SETTLED:
            choice.reused.append(path)
            choice.kept.add(path)
            if nodes.node(node).body is not None:
                choice.kept.update(each for each in choice.latest if each.startswith(f"{path}["))
            continue
        again.add(node)
        choice.run_again.append(path)
        if node == place and at is not None and at != path and row is not None and not follows:
            _reopen(nodes, path, at, choice)


def _reopen(nodes: NodeGraph, container: str, at: str, choice: Choice) -> None:
    """A container goes on: bodies that do not depend on the one of `at` are kept as far as they came."""
    spec = nodes.node(paths.node_of(container))
    assert spec.body is not None  # noqa: S101 - _next_place has seen it
    choice.reopened.append(container)
    chosen = _body_on_the_way(container, at)
    for place in sorted(_places(container, choice.latest)):
        body = paths.body_path(container, place)
        if KINDS[spec.kind].carries_over and place > chosen:
            break
        graph = as_child(spec.body) if f"{body}.{CHILD}" in choice.latest else spec.body
        _choose_in(graph, body, at if place == chosen else None, frozenset(), choice)


def _next_place(nodes: NodeGraph, body: str, at: str) -> str:
    """The node of this scope that `at` names, or whose body it is in. Raises NodeNotInRun."""
    rest = at.removeprefix(f"{body}.") if body else at
    node = rest.partition("[")[0]
    if node not in nodes.by_id:
        raise NodeNotInRun(_not_there(nodes, at, node))
    if "[" in rest and nodes.node(node).body is None:
        raise NodeNotInRun(f"“{node}” has no bodies, so there is no “{at}”.")
    return node


def _not_there(nodes: NodeGraph, at: str, node: str) -> str:
    inside = [
        each.id for each in nodes.nodes if each.body and node in {n.id for n in each.body.walk()}
    ]
    if inside:
        return (
            f"“{at}” is a node in the body of “{inside[0]}”. Say in which one, such as "
            f"{inside[0]}[0].{node}, or fork at “{inside[0]}”."
        )
    return f"There is no node “{at}” in this run."


def _body_on_the_way(container: str, at: str) -> int:
    number, closed, _ = at.removeprefix(f"{container}[").partition("]")
    if not closed or not number.isdigit():
        raise NodeNotInRun(f"“{at}” is not the path of a node.")
    return int(number)


def _places(container: str, latest: Mapping[str, NodeExecution]) -> set[int]:
    begins = f"{container}["
    return {
        int(path.removeprefix(begins).partition("]")[0])
        for path in latest
        if path.startswith(begins)
    }


# -- another version --------------------------------------------------------------------------------------------------


def find_changed(before: Definition, after: Definition) -> frozenset[str]:
    """The nodes of `after` that would not do what those of `before` did, their titles aside.

    All of them where the data class is another: it labels whatever flows.
    """
    known = {node["id"]: _what_runs(node) for node in before.spec["nodes"]}
    if before.data_class != after.data_class:
        return frozenset(after.by_id)
    return frozenset(
        node["id"] for node in after.spec["nodes"] if known.get(node["id"]) != _what_runs(node)
    )


def _what_runs(node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in NOT_WHAT_RUNS}


# -- what was done outside --------------------------------------------------------------------------------------------


def find_side_effects(run: Run, kept: Collection[str]) -> tuple[SideEffect, ...]:
    """What nodes that are not kept did outside, also where this run took that over from the one it was forked from."""
    found: list[SideEffect] = []
    origin: Run | None = run
    inherited: set[str] | None = None
    while origin is not None:
        wanted = inherited
        found += [
            effect
            for path, effect in _effects_of(origin)
            if path not in kept and (wanted is None or path in wanted)
        ]
        taken_over = origin.node_executions.filter(worker=FORK).values_list("node_id", flat=True)
        inherited = set(taken_over) if wanted is None else wanted.intersection(taken_over)
        origin = origin.forked_from if inherited else None
    return tuple(sorted(found, key=lambda effect: effect.at))


def _effects_of(run: Run) -> Iterator[tuple[str, SideEffect]]:
    """Each with the path of the node of this run that it was done for, by itself or through a child run."""
    parents = {
        child.pk: (child.parent_run_id, child.parent_node)
        for child in Run.objects.filter(root_run=run).only("parent_run", "parent_node")
    }
    calls = ToolCall.objects.filter(run_id__in=[run.pk, *parents], effect=WRITES)
    for call in calls.defer("request_sealed", "response_sealed"):
        if not interrupted.may_have_happened(call):
            continue
        place: UUID | None = call.run_id
        path = shown = call.node_id
        while place is not None and place != run.pk:
            place, path = parents[place]
            shown = f"{path}/{shown}"
        yield (
            path,
            SideEffect(
                call_id=call.pk,
                run_id=call.run_id,
                node=shown,
                tool=call.tool,
                destination=call.destination,
                status=CallStatus(call.status).value,
                at=call.started_at,
            ),
        )
