"""Cancel a run. The claim's token moves on, so whatever its worker still brings is late."""

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from runs import checkpoint
from runs.errors import RunNotCancellable
from runs.finish import run_digest
from runs.models import NodeExecution, NodeStatus, Run, RunClaim, RunStatus
from runs.models.states import before
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType


@transaction.atomic
def cancel(*, run: Run, by: Actor) -> None:
    """End a run that has not ended. Running nodes are marked cancelled, and no later call of theirs leaves."""
    at = now()
    RunClaim.objects.filter(run_id=run.pk).update(
        wanted=False, worker_id=None, token=F("token") + 1
    )
    won = Run.objects.filter(
        pk=run.pk, status__in=[s for s in before(RunStatus.CANCELLED) if s != RunStatus.FAILED]
    ).update(status=RunStatus.CANCELLED, finished_at=at)
    if won != 1:
        run.refresh_from_db(fields=["status"])
        raise RunNotCancellable(f"This run is {run.get_status_display().lower()} already.")
    under_way = NodeExecution.objects.filter(
        run=run, status__in=(NodeStatus.RUNNING, NodeStatus.QUEUED, NodeStatus.WAITING)
    )
    under_way.update(
        status=NodeStatus.CANCELLED,
        finished_at=at,
        error_code="cancelled",
        error_sentence="The run was cancelled while this node was under way.",
    )
    checkpoint.emit(
        run.pk,
        [
            checkpoint.event("run.cancelled", at, by=by.kind),
            checkpoint.event("end", at, status=RunStatus.CANCELLED.value),
        ],
    )
    ledger.append(EventType.RUN_CANCELLED, subject=run, by=by, digest=run_digest(run.pk))
    run.status = RunStatus.CANCELLED
