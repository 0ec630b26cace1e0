"""The end of a run on record: one ledger entry that commits to all that happened in it."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from runs.live_run import LiveRun, Outcome
from runs.models import CallStatus, ModelCall, RunStatus
from tenancy import actors, ledger
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.ledger import Subject

ENTRY = {
    RunStatus.COMPLETED: EventType.RUN_COMPLETED,
    RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS: EventType.RUN_COMPLETED,
    RunStatus.FAILED: EventType.RUN_FAILED,
}


def record_end(ended: Sequence[LiveRun]) -> None:
    """Write the entries of runs that ended in this transaction."""
    for live in ended:
        ledger.append(
            ENTRY[RunStatus(live.status)],
            subject=Subject(kind="run", id=str(live.run_id)),
            by=actors.SYSTEM,
            status=str(live.status),
            digest=run_digest(live.run_id),
        )


def run_digest(run_id: UUID) -> str:
    """SHA-256 over the run's node executions, decisions and calls, as docs/ledger.md describes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT grove_run_digest(%s)", [run_id])
        return str(cursor.fetchone()[0])


def settle_late(live: LiveRun, outcomes: Sequence[Outcome]) -> None:
    """An answer that came after a cancel or a lost claim: what it cost is recorded, what it said is not used."""
    settlements = [settled for outcome in outcomes for settled in outcome.settlements]
    if not settlements:
        return
    with tenant_context(live.tenant):
        for settled in settlements:
            ModelCall.objects.filter(
                pk=settled.call_id,
                status__in=(CallStatus.INTENDED, CallStatus.INTERRUPTED),
            ).update(
                status=CallStatus.LATE,
                finished_at=settled.finished_at,
                model_answered=settled.model,
                tokens_in=settled.tokens_in,
                tokens_out=settled.tokens_out,
                cost_micros=settled.cost_micros,
            )
