"""What a run left on record, as a replay needs it: attempts, acts at the governed door, answers, child runs.

Reads only. Content stays sealed until somebody looks at it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from compliance.policy.verdicts import VerdictKind
from runs import records
from runs.errors import EvidenceDisposed, EvidenceIncomplete, ReplayRefused
from runs.models import (
    CallStatus,
    Decision,
    ModelCall,
    NodeExecution,
    NodeStatus,
    Run,
    RunEvent,
    ToolCall,
    Wait,
)
from runs.payloads import salt_of, unseal
from runs.restoring import STARTS_OVER
from runs.scopes import TO_BEGIN
from tenancy import commitments, keys
from tenancy.errors import KeyDestroyed
from tenancy.events import EventType
from tenancy.keys import DataKeyRef
from tenancy.models import LedgerEntry
from workflows.departures import WITHDRAWN

MOST_EXECUTIONS = 50_000
LOST = "worker_lost"
NO_REPLAY = (LOST, "run_unreadable")  # how a run ends when it is not its nodes that end it
UNSETTLED = {
    CallStatus.INTENDED: "was never settled",
    CallStatus.INTERRUPTED: "was interrupted, and nobody knows what became of it",
    CallStatus.LATE: "was answered too late, and not used",
}
# After these the same act is decided again.
GOES_ON = (VerdictKind.MODIFY, VerdictKind.THROTTLE, VerdictKind.REQUIRE_APPROVAL)

Place = tuple[str, int]  # the path of an instance, and the number of an attempt
Call = ModelCall | ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One question to the governed door: all its decisions, and the call where it was allowed."""

    kind: str
    decisions: Sequence[Decision]
    call: Call | None

    @property
    def was_withdrawn(self) -> bool:
        return self.call is not None and self.call.error_kind == WITHDRAWN

    @property
    def arguments_digest(self) -> str:
        """Of what was asked, before any masking."""
        return str(self.decisions[0].action["arguments_digest"])

    @property
    def resource(self) -> str:
        return self.decisions[0].resource_id

    @property
    def last(self) -> Decision:
        return self.decisions[-1]


@dataclass(slots=True, kw_only=True)
class Evidence:
    """The record of one run of a tree. `key` is the one that all of them share."""

    run: Run
    key: DataKeyRef
    attempts: dict[str, list[NodeExecution]]
    acts: dict[Place, list[Act]]
    waits: dict[Place, Wait]
    approvals: dict[
        Place, list[Wait]
    ]  # of actions; what came of them is among their decisions' facts
    children: dict[Place, Run]
    paused_at: dict[Place, list[datetime]]
    resumed_at: dict[Place, list[datetime]]
    runs_resumed_at: Sequence[datetime] = field(default_factory=tuple)

    def find_attempt(self, path: str, number: int) -> NodeExecution | None:
        """The attempt of this number, or the next that counts: not one that was lost, or tried again by a resume."""
        rows = self.attempts.get(path, [])
        for place, row in enumerate(rows):
            if row.attempt >= number and row.error_code != LOST and not self._is_past(rows, place):
                return row
        return None

    def latest(self, path: str) -> NodeExecution | None:
        """The last attempt; None where nothing of it counts any more."""
        rows = self.attempts.get(path)
        return rows[-1] if rows and not self._is_past(rows, len(rows) - 1) else None

    def find_child(self, path: str, number: int) -> Run | None:
        """The child run that this attempt waited for: its own, or that of one before it which was cut off."""
        for row in reversed([row for row in self.attempts.get(path, ()) if row.attempt <= number]):
            if (child := self.children.get((path, row.attempt))) is not None:
                return child
            cut_off = row.error_code == LOST or row.status == NodeStatus.CANCELLED
            if row.attempt < number and not cut_off:
                return None
        return None

    def _is_past(self, rows: Sequence[NodeExecution], place: int) -> bool:
        """Whether the run was resumed since, and what came then took the place of this attempt."""
        row = rows[place]
        return self._was_resumed(rows, place) or any(
            box.error_code in STARTS_OVER and _is_before(row, box) and self._was_resumed(boxes, nth)
            for boxes in map(self.attempts.get, _containers_of(row.node_id))
            if boxes
            for nth, box in enumerate(boxes)
        )

    def _was_resumed(self, rows: Sequence[NodeExecution], place: int) -> bool:
        row = rows[place]
        if place + 1 == len(rows) or row.status not in (NodeStatus.FAILED, NodeStatus.CANCELLED):
            return False
        ended, begun = row.finished_at, rows[place + 1].started_at
        if ended is None or begun is None:
            return False
        return any(ended <= at <= begun for at in self.runs_resumed_at)

    def open(self, record: Run | NodeExecution | ModelCall | ToolCall | Wait, column: str) -> Any:
        """The content of one column; None where there is none."""
        sealed = getattr(record, column)
        if sealed is None:
            return None
        return unseal(
            self.key,
            sealed,
            tenant_id=record.tenant_id,
            table=record._meta.db_table,
            row=record.pk,
            column=column,
        )

    def commitment_to(self, record: Run | NodeExecution, column: str, value: Any) -> str:
        """The commitment that this value would have in this place: with the salt of what is there."""
        salt = salt_of(
            self.key,
            getattr(record, column),
            tenant_id=record.tenant_id,
            table=record._meta.db_table,
            row=record.pk,
            column=column,
        )
        return commitments.digest(salt, orjson.dumps(value)).hex()

    def digest_of(self, value: Any) -> str:
        """As runs/governed_calls.py digests what is sent."""
        return hashlib.blake2b(canonical(value), key=self.key.secret, digest_size=32).hexdigest()


def canonical(value: Any) -> bytes:
    """The same bytes for the same JSON value, whatever the order of its members."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def read_tree(run: Run) -> dict[UUID, Evidence]:
    """The evidence of a run and of all its child runs, by run.

    Raises ReplayRefused, EvidenceDisposed, EvidenceIncomplete (with `missing`).
    """
    _check_replayable(run)
    try:
        key = keys.open_data_key(run.data_key_id)
    except KeyDestroyed as error:
        raise EvidenceDisposed from error
    tree = [
        run,
        *Run.objects.filter(root_run=run).select_related("version__workflow").order_by("id"),
    ]
    ids = [each.pk for each in tree]
    if NodeExecution.objects.filter(run_id__in=ids).count() > MOST_EXECUTIONS:
        raise ReplayRefused(
            f"This run has more than {MOST_EXECUTIONS:,} node executions, too many for a replay."
        )
    _check_records(tree)
    calls: list[Call] = [
        *ModelCall.objects.filter(run_id__in=ids).order_by("id"),
        *ToolCall.objects.filter(run_id__in=ids).order_by("id"),
    ]
    _check_calls(calls)
    rows = _by_run(NodeExecution.objects.filter(run_id__in=ids).order_by("attempt", "id"))
    _check_outputs(rows)
    by_run = _by_run(Decision.objects.filter(run_id__in=ids).order_by("id"))
    waits = _by_run(Wait.objects.filter(run_id__in=ids))
    told = RunEvent.objects.filter(run_id__in=ids, name__in=("node.waiting", "node.resumed"))
    events = _by_run(told.order_by("seq"))
    by_decision = {call.decision_id: call for call in calls}
    resumed = _resumes(ids)
    return {
        each.pk: Evidence(
            run=each,
            key=key,
            attempts=_grouped(rows[each.pk]),
            acts=_acts(by_run[each.pk], by_decision),
            waits={
                (wait.node_id, wait.attempt): wait
                for wait in waits[each.pk]
                if not wait.action_digest
            },
            approvals=_by_place(wait for wait in waits[each.pk] if wait.action_digest),
            children={
                (child.parent_node, child.parent_attempt): child
                for child in tree
                if child.parent_run_id == each.pk
            },
            paused_at=_moments(events[each.pk], "node.waiting"),
            resumed_at=_moments(events[each.pk], "node.resumed"),
            runs_resumed_at=resumed.get(str(each.pk), ()),
        )
        for each in tree
    }


def _by_place(waits: Iterable[Wait]) -> dict[Place, list[Wait]]:
    found: dict[Place, list[Wait]] = {}
    for wait in waits:
        found.setdefault((wait.node_id, wait.attempt), []).append(wait)
    return found


def _containers_of(path: str) -> Iterator[str]:
    """The paths of the containers around an instance."""
    while "[" in path:
        path = path.rpartition("[")[0]
        yield path


def _is_before(row: NodeExecution, other: NodeExecution) -> bool:
    ends = (row.finished_at, other.finished_at)
    return ends[0] is not None and ends[1] is not None and ends[0] <= ends[1]


# -- is it all there --------------------------------------------------------------------------------------------------


def _check_replayable(run: Run) -> None:
    if run.is_disposed:
        raise EvidenceDisposed
    if run.parent_run_id:
        raise ReplayRefused(
            "This run was started by another run and is replayed with it. Replay that one.",
            root_run=str(run.root_run_id),
        )
    if not run.is_terminal:
        raise ReplayRefused(
            f"This run is {run.get_status_display().lower()}. Only a run that has ended is replayed."
        )
    if run.error_code in NO_REPLAY:
        raise ReplayRefused(
            "This run was ended because it lost its worker or could not be read, and not by its nodes."
        )


def _check_records(tree: Iterable[Run]) -> None:
    """What is replayed must be what the ledger committed to."""
    for run in tree:
        check = records.check_record(run)
        if check is not None and not check.holds:
            raise EvidenceIncomplete(
                f"What is on record is not what the ledger committed to. {check.fault}",
                missing=[{"run": str(run.pk), "reason": "record_changed"}],
            )


def _check_calls(calls: Iterable[Call]) -> None:
    missing = []
    for call in calls:
        why = UNSETTLED.get(CallStatus(call.status))
        if why is None and call.request_sealed is None:
            why = "is on record without what it asked"
        if why is None and call.status == CallStatus.COMPLETED and call.response_sealed is None:
            why = "has no answer on record"
        if why:
            missing.append(
                {"node": call.node_id, "attempt": call.attempt, "call": str(call.pk), "reason": why}
            )
    if missing:
        first = missing[0]
        raise EvidenceIncomplete(
            f"A call of “{first['node']}” {first['reason']}, so this run cannot be replayed.",
            missing=missing,
        )


def _check_outputs(rows: dict[UUID, list[NodeExecution]]) -> None:
    gone = [
        row
        for group in rows.values()
        for row in group
        if row.status == NodeStatus.COMPLETED and row.output_sealed is None
    ]
    if gone:
        raise EvidenceIncomplete(
            f"The output of “{gone[0].node_id}” is not on record, so this run cannot be replayed.",
            missing=[{"node": row.node_id, "reason": "no output"} for row in gone],
        )


# -- in the form that is asked for ------------------------------------------------------------------------------------


def _by_run(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    grouped: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row.run_id].append(row)
    return grouped


def _grouped(rows: Iterable[NodeExecution]) -> dict[str, list[NodeExecution]]:
    grouped: dict[str, list[NodeExecution]] = defaultdict(list)
    for row in rows:
        grouped[row.node_id].append(row)
    return dict(grouped)


def _acts(decisions: Iterable[Decision], calls: dict[UUID, Call]) -> dict[Place, list[Act]]:
    """Decisions of an attempt follow each other: those of one act, up to the one that lets it go or not.

    What was allowed and never made is no act.
    """
    acts: dict[Place, list[Act]] = defaultdict(list)
    begun: dict[Place, list[Decision]] = defaultdict(list)
    for decision in decisions:
        place = (decision.node_id, decision.attempt)
        begun[place].append(decision)
        if decision.verdict not in GOES_ON:
            acts[place].append(_act(begun.pop(place), calls))
    for place, left in begun.items():
        acts[place].append(_act(left, calls))
    return {place: [act for act in made if not act.was_withdrawn] for place, made in acts.items()}


def _act(decisions: list[Decision], calls: dict[UUID, Call]) -> Act:
    last = decisions[-1]
    call = calls.get(last.pk)
    if last.verdict == VerdictKind.ALLOW and call is None:
        raise EvidenceIncomplete(
            f"The call that was allowed to “{last.node_id}” is not on record.",
            missing=[{"node": last.node_id, "reason": "no call"}],
        )
    return Act(kind=decisions[0].action_kind, decisions=tuple(decisions), call=call)


def _moments(events: Iterable[RunEvent], name: str) -> dict[Place, list[datetime]]:
    moments: dict[Place, list[datetime]] = defaultdict(list)
    for each in events:
        if each.name == name and each.body.get("kind") not in TO_BEGIN:
            moments[(each.node_id, each.body["attempt"])].append(each.at)
    return dict(moments)


def _resumes(run_ids: Iterable[UUID]) -> dict[str, list[datetime]]:
    entries = LedgerEntry.objects.filter(
        subject_kind="run",
        subject_id__in=[str(run_id) for run_id in run_ids],
        event=EventType.RUN_RESUMED,
    )
    moments: dict[str, list[datetime]] = defaultdict(list)
    for entry in entries:
        moments[entry.subject_id].append(entry.at)
    return dict(moments)
