"""The record of a run that has ended: what the ledger committed to, and what its rows say today."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from runs.models import Run
from tenancy.events import EventType
from tenancy.models import LedgerEntry

ENDS = (
    EventType.RUN_COMPLETED,
    EventType.RUN_FAILED,
    EventType.RUN_CANCELLED,
    EventType.RUN_SETTLED,
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
