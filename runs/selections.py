"""One deed for many runs: choose and freeze, look at what would happen, confirm, then one run after the other.

A selection is ids. What matches the question later is not part of it, and confirming twice changes nothing. Each run
is cancelled or resumed by the same verb as by itself, in a transaction of its own with its result.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.utils.timezone import now

from runs import cancel, filters, query, resume
from runs.errors import (
    SelectionDrifted,
    SelectionExpired,
    SelectionInvalid,
    SelectionNotYours,
)
from runs.filters import FIELDS
from runs.models import TERMINAL, Deed, Run, RunStatus, Selection, SelectionResult
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.errors import GroveError
from tenancy.events import EventType

LIVES = timedelta(minutes=30)
MOST = 1000
LONGEST_SENTENCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One run of a selection: what would happen to it, or what did."""

    run: Run
    would: str  # "" where nothing would happen
    why_not: str
    result: SelectionResult | None


def find(question: str, *, me: str) -> list[UUID]:
    """The ids of all runs that match now, without child runs unless asked for. Raises SelectionInvalid."""
    read = query.parse(question, FIELDS)
    if read.problems:
        raise SelectionInvalid(" ".join(read.problems))
    rows = filters.apply(Run.objects.all(), filters.as_listed(read), me=me)
    found = list(rows.order_by("-id").values_list("pk", flat=True)[: MOST + 1])
    if len(found) > MOST:
        raise SelectionInvalid(
            f"More than {MOST:,} runs match. Narrow the question, by a day for instance."
        )
    return found


@transaction.atomic
def freeze(*, deed: str, run_ids: Sequence[UUID], by: Actor) -> Selection:
    """Write down which runs are meant, for 30 minutes. Nothing happens to them. Raises SelectionInvalid, Http404."""
    chosen = list(dict.fromkeys(run_ids))
    if not 0 < len(chosen) <= MOST:
        raise SelectionInvalid(f"Choose from 1 to {MOST:,} runs; {len(chosen):,} are chosen.")
    if Run.objects.filter(pk__in=chosen).count() != len(chosen):
        raise Http404
    at = now()
    frozen: Selection = Selection.objects.create(
        deed=Deed(deed),
        run_ids=chosen,
        digest=digest_of(deed, chosen),
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=by.name[:200],
        created_at=at,
        expires_at=at + LIVES,
    )
    facts = {"deed": frozen.deed, "runs": len(chosen), "digest": frozen.digest}
    ledger.append(EventType.SELECTION_FROZEN, subject=frozen, by=by, **facts)
    return frozen


def digest_of(deed: str, run_ids: Sequence[UUID]) -> str:
    """SHA-256 of the deed and the ids, a line each."""
    return hashlib.sha256("\n".join([deed, *map(str, run_ids)]).encode()).hexdigest()


@transaction.atomic
def confirm(*, selection: Selection, digest: str, by: Actor) -> bool:
    """Have it done. False where it was confirmed before: nothing more happens.

    Raises SelectionNotYours, SelectionDrifted, SelectionExpired.
    """
    frozen = Selection.objects.select_for_update().get(pk=selection.pk)
    if (frozen.actor_kind, frozen.actor_id) != (by.kind, by.id):
        raise SelectionNotYours
    if digest != frozen.digest:
        raise SelectionDrifted
    if frozen.confirmed_at is not None:
        return False
    if frozen.is_expired:
        raise SelectionExpired
    Selection.objects.filter(pk=frozen.pk).update(confirmed_at=now())
    facts = {"deed": frozen.deed, "runs": len(frozen.run_ids), "digest": frozen.digest}
    ledger.append(EventType.SELECTION_CONFIRMED, subject=frozen, by=by, **facts)
    return True


def carry_out(selection_id: UUID) -> None:
    """Do what is left of a confirmed selection. Two at once share the work; what was done is not done again."""
    selection = Selection.objects.get(pk=selection_id)
    if selection.confirmed_at is None or selection.finished_at is not None:
        return
    done = set(selection.results.values_list("run_id", flat=True))
    for run_id in selection.run_ids:
        if run_id not in done:
            _carry_out_one(selection, run_id)
    Selection.objects.filter(pk=selection_id, finished_at=None).update(finished_at=now())


def carry_out_rest() -> None:
    """What a worker began and did not finish, or no message told of."""
    under_way = Selection.objects.filter(confirmed_at__isnull=False, finished_at=None)
    for selection_id in under_way.order_by("id").values_list("pk", flat=True):
        carry_out(selection_id)


def lines_of(selection: Selection) -> list[Line]:
    """Its runs in their order, with what would happen now and what did happen."""
    runs = (
        Run.objects.filter(pk__in=selection.run_ids)
        .select_related("workflow", "version")
        .defer("input_sealed", "output_sealed", "response_sealed")
    )
    by_id = {run.pk: run for run in runs}
    results = {result.run_id: result for result in selection.results.all()}
    return [
        _line(selection.deed, by_id[run_id], results.get(run_id)) for run_id in selection.run_ids
    ]


@transaction.atomic
def _carry_out_one(selection: Selection, run_id: UUID) -> None:
    Selection.objects.select_for_update().get(pk=selection.pk)  # two workers queue here
    if SelectionResult.objects.filter(selection=selection, run_id=run_id).exists():
        return
    by = Actor.of_row(kind=selection.actor_kind, id=selection.actor_id, name=selection.actor_name)
    verb = {Deed.CANCEL: cancel.cancel, Deed.RESUME: resume.resume}[Deed(selection.deed)]
    code = sentence = ""
    try:
        with transaction.atomic():
            verb(run=Run.objects.get(pk=run_id), by=by)
    except GroveError as refusal:
        code, sentence = refusal.code, refusal.sentence[:LONGEST_SENTENCE]
    SelectionResult.objects.create(
        selection=selection, run_id=run_id, is_done=not code, code=code, sentence=sentence, at=now()
    )


def _line(deed: str, run: Run, result: SelectionResult | None) -> Line:
    would = why_not = ""
    state = run.get_status_display().lower()
    if deed == Deed.CANCEL and run.status in TERMINAL:
        why_not = f"It is {state} already."
    elif deed == Deed.CANCEL:
        would = "It ends, with its child runs; it cannot be resumed."
    elif run.parent_run_id:
        why_not = "Another run began it: resume that one."
    elif run.status != RunStatus.FAILED:
        why_not = f"It is {state}; only a failed run can be resumed."
    else:
        would = (
            f"It goes on from its checkpoint: {run.nodes_done} of {run.nodes_total} nodes are done."
        )
    return Line(run=run, would=would, why_not=why_not, result=result)
