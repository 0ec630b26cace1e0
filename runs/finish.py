"""The end of a run on record: one ledger entry that commits to all that happened in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils.timezone import now

from runs import checkpoint
from runs.live_run import LiveRun, Outcome, Settlement
from runs.models import CallStatus, ModelCall, Run, RunClaim, RunFacts, RunStatus
from runs.models.states import before
from tenancy import actors, ledger
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.models import LedgerEntry

ENTRY = {
    RunStatus.COMPLETED: EventType.RUN_COMPLETED,
    RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS: EventType.RUN_COMPLETED,
    RunStatus.FAILED: EventType.RUN_FAILED,
}
ENDS = (*ENTRY.values(), EventType.RUN_CANCELLED, EventType.RUN_SETTLED)


def record_end(ended: Sequence[LiveRun]) -> None:
    """Write the entries of runs that ended in this transaction, all in one statement."""
    entries = [
        ledger.to_entry(
            ENTRY[RunStatus(live.status)],
            subject=Subject(kind="run", id=str(live.run_id)),
            by=actors.SYSTEM,
            facts={"status": str(live.status), "digest": run_digest(live.run_id)},
        )
        for live in ended
    ]
    ledger.append_all(entries)


@transaction.atomic
def fail_unreadable(*, run: Run, token: int) -> None:
    """End a run that no worker can take up: its data key is gone, or what it stored cannot be opened."""
    claims = RunClaim.objects.filter(run_id=run.pk, token=token)
    if not claims.update(wanted=False, worker_id=None, token=token + 1):
        return
    at, code = now(), "run_unreadable"
    moved = Run.objects.filter(pk=run.pk, status__in=before(RunStatus.FAILED)).update(
        status=RunStatus.FAILED,
        finished_at=at,
        error_code=code,
        error_sentence="What this run stored cannot be opened: its data key may have been destroyed.",
    )
    if not moved:
        return
    checkpoint.emit(
        run.pk,
        [
            checkpoint.event("run.failed", at, code=code),
            checkpoint.event("end", at, status=RunStatus.FAILED.value),
        ],
    )
    ledger.append(
        EventType.RUN_FAILED,
        subject=run,
        by=actors.SYSTEM,
        status=RunStatus.FAILED.value,
        digest=run_digest(run.pk),
    )


def run_digest(run_id: UUID) -> str:
    """SHA-256 over the run's node executions, decisions and calls, as docs/ledger.md describes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT grove_run_digest(%s)", [run_id])
        return str(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCheck:
    """What the ledger committed to when the run ended, and what its rows say today."""

    recorded: str
    recomputed: str
    entry_id: UUID

    @property
    def holds(self) -> bool:
        return self.recorded == self.recomputed


def check_record(run: Run) -> RecordCheck | None:
    """Compare a run with its last entry in the ledger; None while there is none. Holds after disposal, too."""
    entry = (
        LedgerEntry.objects.filter(subject_kind="run", subject_id=str(run.pk), event__in=ENDS)
        .order_by("-id")
        .first()
    )
    if entry is None or not run.is_terminal:
        return None
    return RecordCheck(
        recorded=entry.facts["digest"], recomputed=run_digest(run.pk), entry_id=entry.pk
    )


def settle_late(live: LiveRun, outcomes: Sequence[Outcome]) -> None:
    """An answer that came after a cancel or a lost claim: what it cost is recorded, what it said is not used.

    Where the run had ended, its entry committed to other rows than these: another entry says how they stand now.
    """
    settlements = [settled for outcome in outcomes for settled in outcome.settlements]
    if not settlements:
        return
    with tenant_context(live.tenant), transaction.atomic():
        late = [settled for settled in settlements if _settle_call(live, settled)]
        if late and Run.objects.get(pk=live.run_id).is_terminal:
            ledger.append(
                EventType.RUN_SETTLED,
                subject=Subject(kind="run", id=str(live.run_id)),
                by=actors.SYSTEM,
                late_calls=len(late),
                digest=run_digest(live.run_id),
            )


def _settle_call(live: LiveRun, settled: Settlement) -> bool:
    """False when it was settled already. An interrupted call had counted its reservation as spent."""
    open_calls = ModelCall.objects.select_for_update().filter(
        pk=settled.call_id, status__in=(CallStatus.INTENDED, CallStatus.INTERRUPTED)
    )
    call = open_calls.first()
    if call is None:
        return False
    in_flight = call.status == CallStatus.INTENDED
    ModelCall.objects.filter(pk=call.pk).update(
        status=CallStatus.LATE,
        finished_at=settled.finished_at,
        model_answered=settled.model,
        tokens_in=settled.tokens_in,
        tokens_out=settled.tokens_out,
        cost_micros=settled.cost_micros,
    )
    RunFacts.objects.filter(root_run_id=live.root_run_id).update(
        in_flight=F("in_flight") - int(in_flight),
        reserved_micros=F("reserved_micros") - (call.reserved_micros if in_flight else 0),
        spent_micros=F("spent_micros")
        + settled.cost_micros
        - (0 if in_flight else call.cost_micros),
    )
    return True
