"""All that a tenant has on record of its runs, and who in the world each of them was."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import Any
from uuid import UUID

from runs import payloads
from runs.models import ModelCall, NodeExecution, Run, RunEvent, ToolCall, Wait
from tests.flows.crash.world import Arrival, Caller, World

Call = ModelCall | ToolCall
Ending = tuple[str, str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run with its rows. `arrivals` is what reached the world from each of its nodes."""

    run: Run
    caller: Caller  # its name in the world, and what its paths begin with there
    nodes: Mapping[str, list[NodeExecution]]  # by path, in the order of attempts
    calls: Mapping[str, list[Call]]  # by path, in the order they were intended
    events: list[RunEvent]
    waits: Mapping[str, list[Wait]]
    children: Mapping[str, list[Run]]
    arrivals: dict[str, list[Arrival]]

    @property
    def name(self) -> str:
        return " ".join(self.caller).rstrip(". ")

    def named(self, path: str) -> Caller:
        """What the world calls a node of it."""
        return self.caller[0], self.caller[1] + path

    @property
    def rows(self) -> list[NodeExecution]:
        return [row for rows in self.nodes.values() for row in rows]

    @property
    def ending(self) -> Ending:
        """How it ended, why, and what it answered."""
        answer = payloads.open_payload(self.run, "output_sealed")
        return str(self.run.status), self.run.error_code, answer


def read(world: World, names: Mapping[UUID, str]) -> list[RunRecord]:
    """The runs of the current tenant. `names` are those of the runs that were started from outside."""
    runs = list(Run.objects.order_by("id"))
    nodes = _by_run(NodeExecution.objects.defer("output_sealed").order_by("attempt"))
    calls = _by_run([*_light(ModelCall), *_light(ToolCall)])
    events = _by_run(RunEvent.objects.order_by("seq"))
    waits = _by_run(Wait.objects.order_by("id"))
    children: dict[UUID | None, list[Run]] = defaultdict(list)
    for run in runs:
        children[run.parent_run_id].append(run)
    arrivals: dict[str, dict[str, list[Arrival]]] = defaultdict(dict)
    for (name, path), came in list(world.arrivals.items()):
        arrivals[name][path] = sorted(came, key=lambda arrival: arrival.at)
    by_id = {run.pk: run for run in runs}
    records = []
    for run in runs:
        name, prefix = _caller(run, by_id, names)
        until = _replaced_at(run, children[run.parent_run_id])
        others = [prefix + _prefix(child) for child in children[run.pk] if "body" in child.manifest]
        records.append(
            RunRecord(
                run=run,
                caller=(name, prefix),
                nodes=_by(nodes[run.pk], "node_id"),
                calls=_by(sorted(calls[run.pk], key=lambda call: call.started_at), "node_id"),
                events=events[run.pk],
                waits=_by(waits[run.pk], "node_id"),
                children=_by(children[run.pk], "parent_node"),
                arrivals={
                    path.removeprefix(prefix): own
                    for path, came in arrivals[name].items()
                    if path.startswith(prefix) and not path.startswith(tuple(others))
                    if (own := [each for each in came if run.created_at <= each.at < until])
                },
            )
        )
    _give_back_late(records)
    return records


def _give_back_late(records: Iterable[RunRecord]) -> None:
    """A call that was on its way when its run was cancelled may arrive after another run was started in its place.

    What came to that one beyond its own intents was the earlier one's, as far as that has intents that nothing came of.
    """
    by_caller: dict[Caller, list[RunRecord]] = defaultdict(list)
    for record in records:
        by_caller[record.caller].append(record)
    for earlier, later in chain.from_iterable(map(pairwise, by_caller.values())):
        for path, came in list(later.arrivals.items()):
            beyond = len(came) - len(later.calls.get(path, ()))
            open_ended = len(earlier.calls.get(path, ())) - len(earlier.arrivals.get(path, ()))
            late = max(0, min(beyond, open_ended))
            if late:
                earlier.arrivals[path] = [*earlier.arrivals.get(path, ()), *came[:late]]
                later.arrivals[path] = came[late:]
            if not later.arrivals[path]:
                del later.arrivals[path]


def _caller(run: Run, by_id: Mapping[UUID, Run], names: Mapping[UUID, str]) -> Caller:
    """The name of a run in the world, and what its paths begin with there."""
    if run.parent_run_id is None:
        return names[run.pk], ""
    name, prefix = _caller(by_id[run.parent_run_id], by_id, names)
    if "body" in run.manifest:
        return name, prefix + _prefix(run)
    return f"{name}/{prefix}{run.parent_node}", ""


def _replaced_at(run: Run, siblings: Iterable[Run]) -> datetime:
    """When another child was started in the place of this one, which was cancelled."""
    later = [
        each.created_at
        for each in siblings
        if each.parent_node and each.parent_node == run.parent_node and each.pk > run.pk
    ]
    return min(later, default=datetime.max.replace(tzinfo=UTC))


def _prefix(body: Run) -> str:
    """What the paths of a body begin with that is a run of its own: “n3[2].”."""
    return body.parent_node.removesuffix("run")


def _light(model: Any) -> Any:
    return model.objects.defer("request_sealed", "response_sealed")


def _by_run(rows: Iterable[Any]) -> Mapping[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.run_id].append(row)
    return found


def _by(rows: Iterable[Any], member: str) -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, member)].append(row)
    return found
