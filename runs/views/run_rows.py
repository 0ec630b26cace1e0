"""What a line of the run list says beyond the run's own columns: one statement a column for the whole page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Func, IntegerField, Sum
from django.utils.timezone import now

from runs.models import Decision, ModelCall, Run, Wait, WaitKind
from runs.views.people import name_starters

MOST_WAITS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the list. `waited_seconds` is the time in which it waited for people; None where nobody was asked."""

    run: Run
    starter: str
    denied: int
    redactions: int
    waited_seconds: float | None


def rows_of(runs: Sequence[Run]) -> list[RunRow]:
    """The lines of a page, in its order."""
    ids = [run.pk for run in runs]
    if not ids:
        return []
    starters, denied, masked, waited = name_starters(runs), _denied(ids), _masked(ids), _waited(ids)
    return [
        RunRow(
            run=run,
            starter=starters[(run.started_by_kind, run.started_by_id)],
            denied=denied.get(run.pk, 0),
            redactions=masked.get(run.pk, 0),
            waited_seconds=waited.get(run.pk),
        )
        for run in runs
    ]


def _denied(ids: Sequence[UUID]) -> Mapping[UUID, int]:
    rows = Decision.objects.filter(verdict="deny", run__in=ids).order_by()
    return dict(rows.values("run_id").annotate(n=Count("id")).values_list("run_id", "n"))


def _masked(ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many redactions were carried out before calls of these runs left."""
    length: Any = Func(F("redactions"), function="cardinality", output_field=IntegerField())
    rows = ModelCall.objects.filter(run__in=ids).exclude(redactions=[]).order_by()
    return dict(rows.values("run_id").annotate(n=Sum(length)).values_list("run_id", "n"))


def _waited(ids: Sequence[UUID]) -> Mapping[UUID, float]:
    """Seconds in which at least one question to a person was open."""
    rows = Wait.objects.filter(kind=WaitKind.APPROVAL, run__in=ids).order_by("asked_at")
    spans: dict[UUID, list[tuple[datetime, datetime]]] = {}
    at = now()
    columns = ("run_id", "asked_at", "answered_at", "withdrawn_at")
    for run_id, asked, answered, withdrawn in rows.values_list(*columns)[:MOST_WAITS]:
        spans.setdefault(run_id, []).append((asked, answered or withdrawn or at))
    return {run_id: _length_of(found) for run_id, found in spans.items()}


def _length_of(spans: Sequence[tuple[datetime, datetime]]) -> float:
    """The seconds that spans cover together; they come in the order of their beginnings."""
    seconds, reached = 0.0, spans[0][0]
    for begin, end in spans:
        seconds += max(0.0, (end - max(begin, reached)).total_seconds())
        reached = max(reached, end)
    return seconds
