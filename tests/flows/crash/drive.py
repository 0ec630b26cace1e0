"""Runs under fire: keep many going while workers die and worse happens, let all come to rest, then read the record."""

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from benchmarks.stage import make_tenant, publish
from compliance.labels import DataClass
from runs.models import CallStatus, ModelCall, NodeExecution, Run, ToolCall, Worker
from tenancy import actors
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tests.flows.crash import graphs as made_graphs
from tests.flows.crash import people, record
from tests.flows.crash.checks import INTERRUPTED, find_faults
from tests.flows.crash.crew import Crew
from tests.flows.crash.graphs import MadeGraph
from tests.flows.crash.people import People
from tests.flows.crash.record import Ending
from tests.flows.crash.troubles import CrashStage, Trouble
from tests.flows.crash.world import World
from workflows import destinations, model_groups
from workflows.providers import register

REST_SECONDS = 180  # on a machine with other work
MICROS_PER_MILLION_TOKENS = 3_000_000


@dataclass(kw_only=True)
class Row:
    """One line of the table. `rest_seconds` is from the last blow until nothing went on by itself any more."""

    name: str
    kills: int
    strikes: int = 0
    graphs: int = 0
    runs: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    nodes: int = 0
    lost_attempts: int = 0
    interrupted_calls: int = 0
    late_calls: int = 0
    resumed: int = 0  # by a person: an effect that may not be repeated was interrupted
    ended_by_themselves: int = 0  # workers that nobody killed
    rest_seconds: float = 0
    faults: list[str] = field(default_factory=list)


def rage(
    stage: CrashStage,
    crew: Crew,
    world: World,
    trouble: Trouble,
    graphs: Sequence[MadeGraph],
    *,
    kills: int,
    seeded: int,
) -> Row:
    """One trouble, in a tenant of its own, until so many workers have been killed."""
    tenant = make_tenant(f"crash-{trouble.slug}")
    chance = random.Random(seeded)  # noqa: S311 - not for secrets
    row = Row(name=trouble.name, kills=kills, graphs=len(graphs))
    with tenant_context(tenant):
        staff = _settle_in(tenant, world, trouble, graphs, seeded)
        expected = _run_undisturbed(staff, crew, world, len(graphs))
        with trouble.around(stage):
            _strike(stage, crew, trouble, staff, row, chance)
            row.rest_seconds = _come_to_rest(crew, row)
        people.forget_connections()
        _check(tenant, staff, world, crew, expected, row)  # some runs are parked now
        _bring_to_the_end(staff, crew, row)
        _check(tenant, staff, world, crew, expected, row)
        row.faults += [f"has not come to its end: {node}" for node in _left()]
        _count(row)
    return row


def _settle_in(
    tenant: Tenant, world: World, trouble: Trouble, graphs: Sequence[MadeGraph], seeded: int
) -> People:
    """What a tenant needs before its people can start runs."""
    _add_model(world.model_url)
    destinations.create(
        name="world",
        scheme="http",
        host="127.0.0.1",
        port=world.port,
        egress="internal",
        region="eu",
        methods=["POST"],
        clearance=int(DataClass.RESTRICTED),
        by=actors.SYSTEM,
    )
    publish(made_graphs.child_definition())
    texts = [
        graph.definition(f"{trouble.slug}-{number}", world=world.url)
        for number, graph in enumerate(graphs)
    ]
    made = [(publish(text), graph) for text, graph in zip(texts, graphs, strict=True)]
    return People(tenant, made, world, seeded=seeded)


def _run_undisturbed(staff: People, crew: Crew, world: World, graphs: int) -> Mapping[UUID, Ending]:
    """How each version ends where nothing happens to it."""
    for _ in range(graphs):
        staff.start_one()
    deadline = time.monotonic() + REST_SECONDS
    while Run.objects.exclude(status__in=people.TERMINAL).exists():
        staff.answer_all()
        time.sleep(0.05)
        assert time.monotonic() < deadline, f"Undisturbed, these do not end: {_left()}"
    found = [each for each in record.read(world, staff.names) if each.run.parent_run_id is None]
    return {each.run.version_id: each.ending for each in found}


def _left() -> list[str]:
    rows = NodeExecution.objects.filter(finished_at=None).select_related("run")
    return [
        f"{row.run_id} {row.run.status} {row.node_id} {row.status} {row.waits_for}" for row in rows
    ]


def _strike(
    stage: CrashStage,
    crew: Crew,
    trouble: Trouble,
    staff: People,
    row: Row,
    chance: random.Random,
) -> None:
    staff.start()
    until = crew.kills + row.kills
    crew.draw_lots()
    strike_at = time.monotonic() + chance.uniform(0.2, 1)
    while crew.kills < until:
        crew.kill_who_is_due()
        row.ended_by_themselves += crew.replace_who_ended()
        if trouble.strike and time.monotonic() > strike_at:
            trouble.strike(stage)
            row.strikes += 1
            strike_at = time.monotonic() + chance.uniform(0.3, 2)
        time.sleep(chance.uniform(0.001, 0.02))
    staff.stop()


def _come_to_rest(crew: Crew, row: Row) -> float:
    """Seconds until nothing goes on by itself any more, late answers and burials included."""
    began = time.monotonic()
    while (seconds := time.monotonic() - began) < REST_SECONDS:
        row.ended_by_themselves += crew.replace_who_ended()
        if people.insist(people.is_at_rest) and people.insist(lambda: _is_settled(crew)):
            return seconds
        time.sleep(0.02)
    row.faults.append(f"Not all was at rest after {REST_SECONDS} s: {_left()}\n{crew.describe()}")
    return seconds


def _bring_to_the_end(staff: People, crew: Crew, row: Row) -> None:
    """Let people answer and let go on, until nothing asks for them: one answer may lead to the next question."""
    while not row.faults:
        resumed = people.resume_all(INTERRUPTED)
        if not staff.answer_all() and not resumed:
            return
        row.resumed += resumed
        _come_to_rest(crew, row)


def _is_settled(crew: Crew) -> bool:
    """The dead are buried, and no call is open."""
    open_calls = (
        model.objects.filter(status=CallStatus.INTENDED).exists() for model in (ModelCall, ToolCall)
    )
    return not any(open_calls) and Worker.objects.count() == crew.size


def _check(
    tenant: Tenant,
    staff: People,
    world: World,
    crew: Crew,
    expected: Mapping[UUID, Ending],
    row: Row,
) -> None:
    if (workers := Worker.objects.count()) != crew.size:
        row.faults.append(f"{workers} workers are on record, {crew.size} live.")
    found = find_faults(tenant, record.read(world, staff.names), expected, staff)
    row.faults += [fault for fault in found if fault not in row.faults]


def _count(row: Row) -> None:
    row.runs = Run.objects.count()
    row.statuses = dict(Counter(Run.objects.values_list("status", flat=True)))
    row.nodes = NodeExecution.objects.count()
    row.lost_attempts = NodeExecution.objects.filter(error_code="worker_lost").count()
    for model in (ModelCall, ToolCall):
        row.interrupted_calls += model.objects.filter(status=CallStatus.INTERRUPTED).count()
        row.late_calls += model.objects.filter(status=CallStatus.LATE).count()


def _add_model(base_url: str) -> None:
    """The model group `default`, at a price: what is reserved and spent must come out even."""
    by = actors.SYSTEM
    provider = register.create_provider(
        name="world",
        base_url=base_url,
        by=by,
        egress="internal",
        region="eu",
        zero_retention=True,
        trains_on_data=False,
    )
    deployment = register.create_deployment(
        provider=provider, name="world", model="made", clearance=DataClass.RESTRICTED, by=by
    )
    register.set_price(
        deployment=deployment,
        input_micros_per_million=MICROS_PER_MILLION_TOKENS,
        output_micros_per_million=MICROS_PER_MILLION_TOKENS,
        by=by,
    )
    model_groups.create(name="default", deployments=[deployment], by=by)
