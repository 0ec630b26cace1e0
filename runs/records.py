"""The record of a run that has ended: what the ledger committed to, and what its rows say today.

Its entry holds two digests: `digest` of what happened, and since the second form of the record `departures` of what
its calls carried and where they went. An entry of the first form has the one and verifies by it.
"""

from dataclasses import dataclass
from uuid import UUID

from runs.hot_path import ask
from runs.models import Run
from tenancy.events import EventType
from tenancy.models import LedgerEntry

ENDS = (
    EventType.RUN_COMPLETED,
    EventType.RUN_FAILED,
    EventType.RUN_CANCELLED,
    EventType.RUN_SETTLED,
)
COMMITMENTS = ("digest", "departures")


def commitments(run_id: UUID) -> dict[str, str]:
    """What the entry of the run's end says of its rows: SHA-256 in hex, as docs/ledger.md describes them."""
    digests = ask("SELECT grove_run_digest(%s), grove_departures_digest(%s)", [run_id, run_id])
    return dict(zip(COMMITMENTS, digests, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCheck:
    """What the ledger committed to when the run ended, and what its rows say today.

    `recorded_departures` is empty in an entry of the first form: it does not tell of them.
    """

    run_id: UUID
    entry_id: UUID
    recorded: str
    recomputed: str
    recorded_departures: str
    recomputed_departures: str

    @property
    def holds(self) -> bool:
        return not self.fault

    @property
    def fault(self) -> str:
        """What does not hold, in a sentence; empty when all does."""
        if self.recorded != self.recomputed:
            return f"The run {self.run_id} is not as the ledger committed to it in the entry {self.entry_id}."
        if self.recorded_departures in ("", self.recomputed_departures):
            return ""
        return (
            f"The calls of the run {self.run_id} are not as the ledger committed to them in the entry {self.entry_id}: "
            "class, tags, masking, provider, region or outcome of one of them was changed since."
        )


def check_record(run: Run) -> RecordCheck | None:
    """Compare a run with its last entry in the ledger; None while there is none. Holds after disposal, too."""
    entry = (
        LedgerEntry.objects.filter(subject_kind="run", subject_id=str(run.pk), event__in=ENDS)
        .order_by("-id")
        .first()
    )
    if entry is None or not run.is_terminal:
        return None
    today = commitments(run.pk)
    return RecordCheck(
        run_id=run.pk,
        entry_id=entry.pk,
        recorded=entry.facts["digest"],
        recomputed=today["digest"],
        recorded_departures=entry.facts.get("departures", ""),
        recomputed_departures=today["departures"],
    )
