"""Runs under fire: keep many going while workers die and worse happens, let all come to rest, then read the record."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from benchmarks.stage import make_tenant, publish
from compliance.labels import DataClass
from runs.models import CallStatus, ModelCall, NodeExecution, Run, Worker
from tenancy import actors
from tenancy.context import tenant_context
from tests.flows.crash.crew import Crew
from tests.flows.crash.feeder import Feeder, forget_connections, under_way
from tests.flows.crash.graphs import MadeGraph
from tests.flows.crash.record import Ending, Record, ending_of, find_faults
from tests.flows.crash.troubles import CrashStage, Trouble
from tests.flows.crash.world import World
from workflows import model_groups
from workflows.providers import register

REST_SECONDS = 60
MICROS_PER_MILLION_TOKENS = 3_000_000


@dataclass(kw_only=True)
class Row:
    """One line of the table. `rest_seconds` is from the last blow until every run had come to rest."""

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
    row = Row(name=trouble.name, kills=kills, graphs=len(graphs))
    with tenant_context(tenant):
        add_model(world.model_url)
        versions = [
            publish(graph.definition(f"{trouble.slug}-{n}")) for n, graph in enumerate(graphs)
        ]
        feeder = Feeder(tenant, list(zip(versions, graphs, strict=True)))
        expected = _run_undisturbed(feeder, crew, len(graphs))
        chance = random.Random(seeded)  # noqa: S311 - not for secrets
        with trouble.around(stage):
            _strike(stage, crew, trouble, feeder, row, chance)
            row.rest_seconds = _come_to_rest(crew)
        forget_connections()
        record = Record.read(feeder.names)
        _count(record, row)
        if row.rest_seconds > REST_SECONDS:
            row.faults.append(f"Not all was at rest {REST_SECONDS} s after the last blow.")
        if (workers := Worker.objects.count()) != crew.size:
            row.faults.append(f"{workers} workers are on record, {crew.size} live.")
        row.faults += find_faults(tenant, record, world, expected)
    return row


def _run_undisturbed(feeder: Feeder, crew: Crew, graphs: int) -> dict[UUID, Ending]:
    """How each version ends where nothing happens to it."""
    runs = [feeder.start_one() for _ in range(graphs)]
    _come_to_rest(crew)
    ended = Run.objects.in_bulk([run.pk for run in runs])
    return {run.version_id: ending_of(run) for run in ended.values()}


def _strike(
    stage: CrashStage,
    crew: Crew,
    trouble: Trouble,
    feeder: Feeder,
    row: Row,
    chance: random.Random,
) -> None:
    feeder.start()
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
    feeder.stop()


def _come_to_rest(crew: Crew) -> float:
    """Seconds until nothing is under way any more, late answers included; more than REST_SECONDS: never."""
    began = time.monotonic()
    while (seconds := time.monotonic() - began) <= REST_SECONDS:
        crew.replace_who_ended()
        if not under_way() and _is_settled(crew):
            break
        time.sleep(0.02)
    return seconds


def _is_settled(crew: Crew) -> bool:
    """The dead are buried, and no call is open."""
    open_calls = ModelCall.objects.filter(status=CallStatus.INTENDED).exists()
    return not open_calls and Worker.objects.count() == crew.size


def _count(record: Record, row: Row) -> None:
    row.runs = len(record.runs)
    row.statuses = dict(Counter(run.status for run in record.runs))
    row.nodes = sum(map(len, record.nodes.values()))
    row.lost_attempts = NodeExecution.objects.filter(error_code="worker_lost").count()
    row.interrupted_calls = ModelCall.objects.filter(status=CallStatus.INTERRUPTED).count()
    row.late_calls = ModelCall.objects.filter(status=CallStatus.LATE).count()


def add_model(base_url: str) -> None:
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
