"""What must hold of every run once all is quiet. Every fault is a sentence."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from runs.models import (
    CallStatus,
    NodeExecution,
    NodeStatus,
    RunClaim,
    RunFacts,
    RunStatus,
    ToolCall,
    WaitKind,
)
from runs.records import ENDS, check_record
from tenancy import sequencer, verification
from tenancy.events import EventType
from tenancy.models import LedgerEntry, Tenant
from tests.flows.crash.people import People
from tests.flows.crash.record import Call, Ending, RunRecord

SETTLED = (NodeStatus.COMPLETED, NodeStatus.SKIPPED)
WENT_WELL = (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS)
ENDINGS = {"run.completed", "run.failed", "run.cancelled"}
INTERRUPTED = "interrupted"
TRIED_AGAIN = {"worker_lost", "model_bad_request"}  # its worker was lost, or its definition says so


def find_faults(
    tenant: Tenant, records: Sequence[RunRecord], expected: Mapping[UUID, Ending], staff: People
) -> list[str]:
    """Everything that does not hold. `expected` says how each version ends where nobody disturbs it."""
    checks = (_rest, _nodes, _effects, _questions, _events, _cancelled, _claim, _ledger)
    faults = [
        f"{record.name} ({record.run.pk}): {fault}"
        for record in records
        for check in checks
        for fault in check(record)
    ]
    by_id = {record.run.pk: record for record in records}
    for record in records:
        if record.run.parent_run_id is None:
            tree = [
                each for each in records if (each.run.root_run_id or each.run.pk) == record.run.pk
            ]
            found = [
                *_facts(record, tree),
                *_answer(record, expected),
                *_cancels(record, tree, staff),
            ]
            faults += [f"{record.name} ({record.run.pk}): {fault}" for fault in found]
        elif record.run.parent_run_id not in by_id:
            faults.append(f"{record.name}: its parent is not on record")
    return [*faults, *_callbacks(records, staff), *_ledger_of(tenant)]


def is_interrupted(record: RunRecord) -> bool:
    """It waits for a person, who must say whether an effect may be repeated."""
    run = record.run
    because = run.error_code == INTERRUPTED or f"({INTERRUPTED})" in run.error_sentence
    return run.status == RunStatus.FAILED and because


def _answer(record: RunRecord, expected: Mapping[UUID, Ending]) -> Iterator[str]:
    if not record.run.is_terminal or is_interrupted(record):
        return
    if record.run.status == RunStatus.CANCELLED:  # by people, or _cancels says so
        return
    ended, wanted = record.ending, expected[record.run.version_id]
    if ended != wanted:
        yield f"ended with {ended} ({record.run.error_sentence}); undisturbed with {wanted}"


def _rest(record: RunRecord) -> Iterator[str]:
    run = record.run
    if not run.is_terminal and run.status != RunStatus.WAITING:
        yield f"is {run.status}: neither at its end nor parked"
    if run.is_terminal and run.finished_at is None:
        yield "has ended, but nobody knows when"


def _nodes(record: RunRecord) -> Iterator[str]:
    """Each node came to its end at most once, and was tried again only where something allows it."""
    run = record.run
    for path, rows in record.nodes.items():
        statuses = [str(row.status) for row in rows]
        if [row.attempt for row in rows] != list(range(1, len(rows) + 1)):
            yield f"{path} has attempts {[row.attempt for row in rows]}"
        if sum(status in SETTLED for status in statuses) > 1:
            yield f"{path} came to its end more than once: {statuses}"
        if not _resumes(record) and any(row.error_code not in TRIED_AGAIN for row in rows[:-1]):
            yield f"{path} was tried again though nothing says so: {_told(rows)}"
        if run.is_terminal and any(row.finished_at is None for row in rows):
            yield f"{path} is left {statuses} in a run that has ended"
        if run.status == RunStatus.COMPLETED and statuses[-1] not in SETTLED:
            yield f"{path} is {statuses[-1]} in a completed run"
    on_top = sum("[" not in path for path in record.nodes)
    if run.status in WENT_WELL and on_top != run.nodes_total:
        yield f"{on_top} of {run.nodes_total} nodes are on record"


def _effects(record: RunRecord) -> Iterator[str]:
    """Each arrival in the world has an intent on record before it; none came after its node was done."""
    done = {row.node_id: row for row in record.rows if row.status == NodeStatus.COMPLETED}
    for path, came in record.arrivals.items():
        intents = [call.started_at for call in record.calls.get(path, ())]
        if len(came) > len(intents) or any(
            intent > arrival.at for arrival, intent in zip(came, intents, strict=False)
        ):
            yield f"{path} reached the world {len(came)} times with {len(intents)} intents"
        if path in done and came[-1].at > done[path].finished_at:
            yield f"{path} reached the world after it was done"
    for path, calls in record.calls.items():
        yield from _calls(record, path, calls, is_done=path in done)


def _calls(record: RunRecord, path: str, calls: Sequence[Call], *, is_done: bool) -> Iterator[str]:
    came = record.arrivals.get(path, [])
    statuses = Counter(call.status for call in calls)
    if statuses[CallStatus.INTENDED]:
        yield f"{path} left a call as an intent"
    if statuses[CallStatus.COMPLETED] > 1 + _asked_in_vain(record, path):
        told = [f"{type(call).__name__} {call.attempt} {call.status}" for call in calls]
        yield f"{path} has {statuses[CallStatus.COMPLETED]} completed calls: {told}, resumes: {_resumes(record)}"
    was_answered = any(wait.answered_at is not None for wait in record.waits.get(path, ()))
    if is_done and not (statuses[CallStatus.COMPLETED] or _was_done_before(calls) or was_answered):
        yield f"{path} is done without a completed call: {dict(statuses)}"
    if statuses[CallStatus.COMPLETED] > len(came):
        yield f"{path} has a completed call that never reached the world"
    if not isinstance(calls[0], ToolCall):
        return
    if len({arrival.idempotency_key for arrival in came}) > 1:
        yield f"{path} reached the world with more than one idempotency key"
    if not calls[0].idempotent and len(came) > 1 + _resumes(record):
        yield f"{path} had its effect {len(came)} times, and {_resumes(record)} times a person allowed it"


def _asked_in_vain(record: RunRecord, path: str) -> int:
    """Callbacks that were withdrawn as their run failed: once a person has resumed it, they tell of another address."""
    asked = (wait for wait in record.waits.get(path, ()) if wait.kind == WaitKind.CALLBACK)
    return sum(wait.withdrawn_at is not None for wait in asked)


def _refused_before(record: RunRecord, path: str) -> int:
    """Approvals that were refused, in a run that a person resumed since, for what was interrupted beside them: what
    failed is tried again with it."""
    attempts = record.nodes[path][:-1]
    return min(_resumes(record), sum(row.error_code == "approval_refused" for row in attempts))


def _was_done_before(calls: Sequence[Call]) -> bool:
    """A tool whose answer came late is not asked again: its answer is taken."""
    return any(isinstance(call, ToolCall) and call.status == CallStatus.LATE for call in calls)


def _questions(record: RunRecord) -> Iterator[str]:
    """Nobody is asked again what was answered, and nothing is started again that was under way."""
    for path, waits in record.waits.items():
        answered = sum(wait.answered_at is not None for wait in waits)
        if answered > 1 + _refused_before(record, path):
            told = f"{_told(record.nodes[path])}, resumes: {_resumes(record)}"
            yield f"{path} was answered {answered} times: {told}"
        open_ones = [
            wait for wait in waits if wait.answered_at is None and wait.withdrawn_at is None
        ]
        waiting = record.nodes[path][-1].status == NodeStatus.WAITING
        if len(open_ones) != (1 if waiting and not answered else 0):
            yield f"{path} has {len(open_ones)} open questions, being {record.nodes[path][-1].status}"
    for path, children in record.children.items():
        if sum(child.status != RunStatus.CANCELLED for child in children) > 1:
            told = [f"{child.parent_attempt} {child.status}" for child in children]
            yield f"{path} has child runs of attempts {told}: {_told(record.nodes[path])}"


def _callbacks(records: Sequence[RunRecord], staff: People) -> Iterator[str]:
    """Whoever was told that an answer counts finds it on record, once."""
    answered = Counter(
        record.named(path)
        for record in records
        for path, waits in record.waits.items()
        for wait in waits
        if wait.kind == WaitKind.CALLBACK and wait.answered_at is not None
    )
    for caller, taken in staff.taken.items():
        if taken > 1 or taken > answered[caller]:
            yield f"{caller}: {taken} answers were taken, {answered[caller]} are on record"


def _cancels(record: RunRecord, tree: Sequence[RunRecord], staff: People) -> Iterator[str]:
    """Who was told that a run is cancelled finds it so, and all below it at its end."""
    status = record.run.status
    if staff.cancelled.get(record.run.pk) and status != RunStatus.CANCELLED:
        yield f"is {status}, though somebody was told that it is cancelled"
    if status != RunStatus.CANCELLED:
        return
    if record.run.pk not in staff.cancelled:
        yield "is cancelled, and nobody did that"
    for each in tree:
        if not each.run.is_terminal:
            yield f"is cancelled, and {each.name} below it is {each.run.status}"


def _cancelled(record: RunRecord) -> Iterator[str]:
    """Nothing of a cancelled run goes on."""
    run = record.run
    if run.status != RunStatus.CANCELLED or run.finished_at is None:
        return
    for row in record.rows:
        if row.started_at and row.started_at > run.finished_at:
            yield f"{row.node_id} began after the run was cancelled"
        if row.finished_at and row.finished_at > run.finished_at:
            yield f"{row.node_id} came to its end after the run was cancelled"
    for path, calls in record.calls.items():
        if any(call.started_at > run.finished_at for call in calls):
            yield f"{path} called the world after the run was cancelled"
    for path, children in record.children.items():
        if any(child.created_at > run.finished_at for child in children):
            yield f"{path} started a child after the run was cancelled"


def _events(record: RunRecord) -> Iterator[str]:
    run, events = record.run, record.events
    if [event.seq for event in events] != list(range(1, run.event_seq + 1)):
        yield f"its events are numbered {[event.seq for event in events]} of {run.event_seq}"
    names = [event.name for event in events]
    ends = _resumes(record) + int(run.is_terminal)
    if names.count("end") != ends or sum(name in ENDINGS for name in names) != ends:
        yield f"it has {names.count('end')} ends among its events in {ends} lives: {names}"
    if run.is_terminal and names[-1] != "end":
        yield f"{names[-1]} came after its end"
    said = Counter((event.name, event.node_id, event.body.get("attempt")) for event in events)
    for row in record.rows:
        for name in _events_of(row):
            count = said[name, row.node_id, None if name == "node.skipped" else row.attempt]
            if count != 1:
                yield f"{count} events {name} of {row.node_id} ({row.attempt})"
    ended = sum(count for (name, *_), count in said.items() if name == "node.completed")
    if ended != sum(row.status == NodeStatus.COMPLETED for row in record.rows):
        yield f"{ended} events node.completed for {_told(record.rows)}"
    rounds = Counter(
        (event.node_id, event.body["round"]) for event in events if event.name.startswith("refine.")
    )
    yield from (
        f"{count} verdicts on round {number} of {path}"
        for (path, number), count in rounds.items()
        if count != 1
    )


def _events_of(row: NodeExecution) -> list[str]:
    if row.status == NodeStatus.SKIPPED:
        return ["node.skipped"]
    names = ["node.started"] if row.started_at else []
    if row.status in (NodeStatus.COMPLETED, NodeStatus.FAILED):
        names.append(f"node.{row.status}")
    return names


def _claim(record: RunRecord) -> Iterator[str]:
    claim = RunClaim.objects.get(run_id=record.run.pk)
    if record.run.is_terminal and (claim.worker_id is not None or claim.wanted):
        yield f"its claim is not free: {claim.worker_id}, wanted {claim.wanted}"


def _facts(record: RunRecord, tree: Sequence[RunRecord]) -> Iterator[str]:
    facts = RunFacts.objects.get(root_run=record.run)
    calls = [call for each in tree for found in each.calls.values() for call in found]
    if facts.in_flight or facts.reserved_micros:
        yield f"{facts.in_flight} calls in flight, {facts.reserved_micros} reserved"
    if facts.calls != len(calls):
        yield f"{facts.calls} calls counted, {len(calls)} on record"
    spent = sum(call.cost_micros for call in calls if not isinstance(call, ToolCall))
    if facts.spent_micros != spent:
        yield f"{facts.spent_micros} spent, {spent} on record"


def _ledger(record: RunRecord) -> Iterator[str]:
    run = record.run
    entries = LedgerEntry.objects.filter(subject_kind="run", subject_id=str(run.pk))
    events = Counter(entries.values_list("event", flat=True))
    ends = sum(events[event] for event in {*ENDS} if event != EventType.RUN_SETTLED)
    wanted = _resumes(record) + int(run.is_terminal)
    if events[EventType.RUN_STARTED] != 1 or ends != wanted:
        yield f"its ledger entries are {dict(events)}, in {wanted} lives"
    check = check_record(run)
    if run.is_terminal and not (check and check.holds):
        yield "its rows are not what the ledger committed to"


def _ledger_of(tenant: Tenant) -> Iterator[str]:
    sequencer.sequence(tenant)
    report = verification.verify(tenant)
    if report.waiting:
        yield f"{report.waiting} ledger entries wait for their place"
    yield from (f"ledger: {fault}" for fault in report.faults)


def _resumes(record: RunRecord) -> int:
    return LedgerEntry.objects.filter(
        subject_kind="run", subject_id=str(record.run.pk), event=EventType.RUN_RESUMED
    ).count()


def _told(rows: Sequence[NodeExecution]) -> list[str]:
    return [f"{row.node_id}.{row.attempt} {row.status} {row.error_code}".strip() for row in rows]
