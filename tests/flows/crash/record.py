"""What must hold of a tenant's record once all is quiet. Reads only; every fault is a sentence."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from runs import payloads
from runs.finish import ENDS, check_record
from runs.models import (
    CallStatus,
    ModelCall,
    NodeExecution,
    NodeStatus,
    Run,
    RunClaim,
    RunEvent,
    RunFacts,
    RunStatus,
)
from tenancy import sequencer, verification
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.models import LedgerEntry, Tenant
from tests.flows.crash.world import World

PARKED = RunStatus.WAITING
SETTLED = (NodeStatus.COMPLETED, NodeStatus.SKIPPED)
OPEN = (NodeStatus.QUEUED, NodeStatus.RUNNING)
Ending = tuple[str, str, Any]
ENDINGS = {"run.completed", "run.failed", "run.cancelled"}
NOT_COMPLETED = (CallStatus.FAILED, CallStatus.INTERRUPTED, CallStatus.LATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All rows of one tenant, by run. `names` is what the world calls each run."""

    runs: list[Run]
    names: Mapping[UUID, str]
    nodes: Mapping[UUID, list[NodeExecution]]
    calls: Mapping[UUID, list[ModelCall]]
    events: Mapping[UUID, list[RunEvent]]

    @classmethod
    def read(cls, names: Mapping[UUID, str]) -> "Record":
        return cls(
            runs=list(Run.objects.order_by("id")),
            names=names,
            nodes=_by_run(NodeExecution.objects.defer("output_sealed").order_by("attempt")),
            calls=_by_run(ModelCall.objects.defer("request_sealed", "response_sealed")),
            events=_by_run(RunEvent.objects.order_by("seq")),
        )


def find_faults(
    tenant: Tenant, record: Record, world: World, expected: Mapping[UUID, Ending]
) -> list[str]:
    """Everything that does not hold. `expected` says how each version ends where nobody disturbs it."""
    with tenant_context(tenant):
        faults = [
            f"{record.names.get(run.pk, run.pk)} ({run.pk}): {fault}"
            for run in record.runs
            for check in (_ending, _nodes, _calls, _events, _claim, _facts, _ledger)
            for fault in check(run, record, world)
        ]
        faults += [
            f"{record.names[run.pk]} ({run.pk}): {fault}"
            for run in record.runs
            for fault in _answer(run, expected)
        ]
    return [*faults, *_ledger_of(tenant)]


def ending_of(run: Run) -> Ending:
    """How a run ended, why, and what it answered."""
    return str(run.status), run.error_code, payloads.open_payload(run, "output_sealed")


def _answer(run: Run, expected: Mapping[UUID, Ending]) -> Iterator[str]:
    ended, wanted = ending_of(run), expected[run.version_id]
    if ended != wanted:
        yield f"ended with {ended}; undisturbed, this graph ends with {wanted}"


def _ending(run: Run, record: Record, world: World) -> Iterator[str]:
    if not run.is_terminal and run.status != PARKED:
        yield f"is {run.status}: neither at its end nor parked"
    if run.is_terminal and run.finished_at is None:
        yield "has ended, but nobody knows when"


def _nodes(run: Run, record: Record, world: World) -> Iterator[str]:
    by_node: dict[str, list[NodeExecution]] = defaultdict(list)
    for row in record.nodes[run.pk]:
        by_node[row.node_id].append(row)
    for node, rows in by_node.items():
        statuses = [row.status for row in rows]
        if [row.attempt for row in rows] != list(range(1, len(rows) + 1)):
            yield f"{node} has attempts {[row.attempt for row in rows]}"
        if sum(status in SETTLED for status in statuses) > 1:
            yield f"{node} came to its end more than once: {statuses}"
        if any(status in SETTLED for status in statuses[:-1]):
            yield f"{node} ran again after its end: {statuses}"
        if any(
            row.status != NodeStatus.FAILED or row.error_code != "worker_lost" for row in rows[:-1]
        ):
            yield f"{node} was tried again though no worker was lost: {_codes(rows)}"
        if run.is_terminal and any(status in OPEN for status in statuses):
            yield f"{node} is left {statuses} in a run that has ended"
        if run.status == RunStatus.COMPLETED and statuses[-1] not in SETTLED:
            yield f"{node} is {statuses[-1]} in a completed run"
    if run.status == RunStatus.COMPLETED and len(by_node) != run.nodes_total:
        yield f"{len(by_node)} of {run.nodes_total} nodes are on record"


def _calls(run: Run, record: Record, world: World) -> Iterator[str]:
    """Each arrival in the world has an intent recorded before it, and none came after its node was done."""
    by_node: dict[str, list[ModelCall]] = defaultdict(list)
    for call in record.calls[run.pk]:
        by_node[call.node_id].append(call)
        if call.status == CallStatus.INTENDED:
            yield f"a call of {call.node_id} is left as an intent"
    done = {row.node_id: row for row in record.nodes[run.pk] if row.status == NodeStatus.COMPLETED}
    arrived = {
        node: times
        for (name, node), times in list(world.arrivals.items())
        if name == record.names[run.pk]
    }
    for node, times in arrived.items():
        intents = sorted(call.started_at for call in by_node[node])
        if len(times) > len(intents) or any(
            intent > arrival for arrival, intent in zip(sorted(times), intents, strict=False)
        ):
            yield f"{node} reached the world {len(times)} times with {len(intents)} intents"
        if node in done and max(times) > done[node].finished_at:
            yield f"{node} reached the world after it was done"
    for node, calls in by_node.items():
        statuses = Counter(call.status for call in calls)
        if statuses[CallStatus.COMPLETED] > 1:
            yield f"{node} has {statuses[CallStatus.COMPLETED]} completed calls"
        if node in done and not statuses[CallStatus.COMPLETED]:
            yield f"{node} is done without a completed call"
        if statuses[CallStatus.COMPLETED] > len(arrived.get(node, ())):
            yield f"{node} has a completed call that never reached the world"


def _events(run: Run, record: Record, world: World) -> Iterator[str]:
    events = record.events[run.pk]
    if [event.seq for event in events] != list(range(1, run.event_seq + 1)):
        yield f"its events are numbered {[event.seq for event in events]} of {run.event_seq}"
    names = [event.name for event in events]
    lives = 1 if run.is_terminal else 0
    if names.count("end") != lives or sum(name in ENDINGS for name in names) != lives:
        yield f"it has {names.count('end')} ends among its events: {names}"
    if lives and names[-1] != "end":
        yield f"{names[-1]} came after its end"
    said = Counter((event.name, event.node_id, event.body.get("attempt")) for event in events)
    rows = record.nodes[run.pk]
    for row in rows:
        wanted = ["node.skipped"] if row.status == NodeStatus.SKIPPED else ["node.started"]
        if row.status in (NodeStatus.COMPLETED, NodeStatus.FAILED):
            wanted.append(f"node.{row.status}")
        for name in wanted:
            attempt = None if name == "node.skipped" else row.attempt
            if said[name, row.node_id, attempt] != 1:
                yield f"{said[name, row.node_id, attempt]} events {name} of {row.node_id} ({row.attempt})"
    ended = sum(count for (name, *_), count in said.items() if name == "node.completed")
    if ended != sum(row.status == NodeStatus.COMPLETED for row in rows):
        yield f"{ended} events node.completed for {_codes(rows)}"


def _claim(run: Run, record: Record, world: World) -> Iterator[str]:
    claim = RunClaim.objects.get(run_id=run.pk)
    if claim.worker_id is not None or (run.is_terminal and claim.wanted):
        yield f"its claim is not free: {claim.worker_id}, wanted {claim.wanted}"


def _facts(run: Run, record: Record, world: World) -> Iterator[str]:
    facts, calls = RunFacts.objects.get(root_run=run), record.calls[run.pk]
    if facts.in_flight or facts.reserved_micros:
        yield f"{facts.in_flight} calls in flight, {facts.reserved_micros} reserved"
    if facts.model_calls != len(calls):
        yield f"{facts.model_calls} calls counted, {len(calls)} on record"
    spent = sum(call.cost_micros for call in calls)
    if facts.spent_micros != spent:
        yield f"{facts.spent_micros} spent, {spent} on record"


def _ledger(run: Run, record: Record, world: World) -> Iterator[str]:
    entries = LedgerEntry.objects.filter(subject_kind="run", subject_id=str(run.pk))
    events = Counter(entries.values_list("event", flat=True))
    ends = sum(events[event] for event in {*ENDS} if event != EventType.RUN_SETTLED)
    if events[EventType.RUN_STARTED] != 1 or ends != int(run.is_terminal):
        yield f"its ledger entries are {dict(events)}"
    check = check_record(run)
    if run.is_terminal and not (check and check.holds):
        yield "its rows are not what the ledger committed to"


def _ledger_of(tenant: Tenant) -> Iterator[str]:
    sequencer.sequence(tenant)
    report = verification.verify(tenant)
    if report.waiting:
        yield f"{report.waiting} ledger entries wait for their place"
    yield from (f"ledger: {fault}" for fault in report.faults)


def _codes(rows: list[NodeExecution]) -> list[str]:
    return [f"{row.node_id}.{row.attempt} {row.status} {row.error_code}".strip() for row in rows]


def _by_run(rows: Any) -> Mapping[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.run_id].append(row)
    return found
