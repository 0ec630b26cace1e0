"""End a run from outside: a person cancels it, or nobody can read it any more.

The claim's token moves on, so whatever its worker still brings is late. Child runs are cancelled with it, and what it
asked is withdrawn.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.timezone import now

from runs import caller_keys, checkpoint, children, claims, interrupted
from runs.errors import RunNotCancellable
from runs.models import (
    TERMINAL,
    NodeExecution,
    NodeStatus,
    Run,
    RunClaim,
    RunFacts,
    RunStatus,
    Wait,
)
from runs.models.states import before
from runs.records import commitments
from tenancy import actors, ledger
from tenancy.actors import Actor
from tenancy.events import EventType

UNDER_WAY_AT_END = ("cancelled", "The run was ended while this call was under way.")
UNDER_WAY = (NodeStatus.RUNNING, NodeStatus.QUEUED, NodeStatus.WAITING)


@transaction.atomic
def cancel(*, run: Run, by: Actor) -> None:
    """End a run that has not ended, and its children. No later call of theirs leaves. Raises RunNotCancellable."""
    end = _End(status=RunStatus.CANCELLED, event=EventType.RUN_CANCELLED, code="", sentence="")
    _lock_tree(run)
    if not _end(run, end, by):
        run.refresh_from_db(fields=["status"])
        raise RunNotCancellable(f"This run is {run.get_status_display().lower()} already.")
    if run.parent_run_id:
        children.tell_parent(run.parent_run_id)
    else:
        caller_keys.forget(run.pk)
    run.status = RunStatus.CANCELLED


@transaction.atomic
def fail_unreadable(*, run: Run, token: int) -> None:
    """End a run that no worker can take up: its data key is gone, or what it stored cannot be opened."""
    _lock_tree(run)
    if not RunClaim.objects.filter(run_id=run.pk, token=token).exists():
        return
    end = _End(
        status=RunStatus.FAILED,
        event=EventType.RUN_FAILED,
        code="run_unreadable",
        sentence="What this run stored cannot be opened: its data key may have been destroyed.",
    )
    if _end(run, end, actors.SYSTEM) and run.parent_run_id:
        children.tell_parent(run.parent_run_id)


def _lock_tree(run: Run) -> None:
    """Lock the claims of a run's parent, of the run, and of all below it. While they are locked none is added."""
    above = [run.parent_run_id] if run.parent_run_id else []
    claims.lock([*above, run.pk])
    locked: set[UUID] = set()
    while below := _find_below(run.pk) - locked:
        claims.lock(below)
        locked |= below


def _find_below(run_id: UUID) -> set[UUID]:
    found: set[UUID] = set()
    level = {run_id}
    while level:
        children = Run.objects.filter(parent_run_id__in=level).exclude(status__in=TERMINAL)
        level = set(children.values_list("pk", flat=True))
        found |= level
    return found


def cancel_what_is_left(run_id: UUID, *, by: Actor) -> None:
    """Of a run that ended in the caller's transaction: withdraw what it asked, cancel its children."""
    _drop(Wait.objects.filter(run_id=run_id), Run.objects.filter(parent_run_id=run_id), by)


def give_up(run_id: UUID, attempts: Iterable[tuple[str, int]], *, by: Actor) -> None:
    """The same for single attempts (path and number) of a run that goes on without them."""
    asked = Q(pk__in=())
    started = Q(pk__in=())
    for path, attempt in attempts:
        asked |= Q(node_id=path, attempt=attempt)
        started |= Q(parent_node=path, parent_attempt=attempt)
    _drop(
        Wait.objects.filter(asked, run_id=run_id),
        Run.objects.filter(started, parent_run_id=run_id),
        by,
    )


def _drop(asked: QuerySet[Wait], started: QuerySet[Run], by: Actor) -> None:
    asked.filter(answered_at=None, withdrawn_at=None).update(withdrawn_at=now())
    end = _End(status=RunStatus.CANCELLED, event=EventType.RUN_CANCELLED, code="", sentence="")
    for child in started.exclude(status__in=TERMINAL).order_by("id"):
        _end(child, end, by)


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How a run ends."""

    status: RunStatus
    event: EventType
    code: str
    sentence: str


def _await_decisions(root_run_id: UUID) -> None:
    """A call that is being decided on just now is on record first; the next one finds the claim gone."""
    facts = RunFacts.objects.select_for_update().filter(root_run_id=root_run_id)
    list(facts.values_list("pk"))


def _end(run: Run, end: _End, by: Actor) -> bool:
    """False when it had ended already. The claim goes first: that is the order in which all lock."""
    RunClaim.objects.filter(run_id=run.pk).update(
        wanted=False, worker_id=None, token=F("token") + 1
    )
    _await_decisions(run.root_run_id or run.pk)
    at = now()
    standing = [status for status in before(end.status) if status not in TERMINAL]
    moved = Run.objects.filter(pk=run.pk, status__in=standing).update(
        status=end.status, finished_at=at, error_code=end.code, error_sentence=end.sentence
    )
    if not moved:
        return False
    NodeExecution.objects.filter(run=run, status__in=UNDER_WAY).update(
        status=NodeStatus.CANCELLED,
        finished_at=at,
        waits_for=None,
        due_at=None,
        error_code="cancelled",
        error_sentence="The run was ended while this node was under way.",
    )
    interrupted.settle_left(run.pk, at=at, why=UNDER_WAY_AT_END)
    told = {"code": end.code} if end.code else {"by": by.kind}
    checkpoint.emit(
        run.pk,
        [
            checkpoint.event(f"run.{end.status.value}", at, **told),
            checkpoint.event("end", at, status=end.status.value),
        ],
    )
    ledger.append(end.event, subject=run, by=by, status=end.status.value, **commitments(run.pk))
    cancel_what_is_left(run.pk, by=by)
    return True
