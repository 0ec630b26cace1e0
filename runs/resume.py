"""Resume a failed run from its checkpoint: what is finished is kept, what failed is tried again."""

from django.db import transaction
from django.db.models import F

from runs import wake
from runs.errors import RunNotResumable
from runs.models import Run, RunClaim, RunStatus
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType


def resume(*, run: Run, by: Actor) -> None:
    """Of any number at once, exactly one succeeds; the others get RunNotResumable."""
    if run.parent_run_id:
        raise RunNotResumable(
            "This run was begun by another. Resume that one: this one goes on with it."
        )
    again(run=run, by=by)


@transaction.atomic
def again(*, run: Run, by: Actor) -> None:
    """The same for any run, also for a child whose parent goes on."""
    won = Run.objects.filter(pk=run.pk, status=RunStatus.FAILED).update(
        status=RunStatus.QUEUED,
        finished_at=None,
        error_code="",
        error_sentence="",
        error_node="",
    )
    if won != 1:
        run.refresh_from_db(fields=["status"])
        raise RunNotResumable(
            f"This run is {run.get_status_display().lower()}; only a failed run can be resumed."
        )
    RunClaim.objects.filter(run_id=run.pk).update(
        wanted=True, worker_id=None, losses=0, token=F("token") + 1
    )
    ledger.append(EventType.RUN_RESUMED, subject=run, by=by)
    wake.after_commit(run.pk)
    run.status = RunStatus.QUEUED


def nodes_to_run(run: Run) -> tuple[list[str], list[str]]:
    """What a resume will reuse, and what it will run: (reused, run again or for the first time), in graph order."""
    latest = dict(run.node_executions.order_by("attempt").values_list("node_id", "status"))
    order = run.version.revision.definition.graph.order
    reused = [node for node in order if latest.get(node) in ("completed", "skipped")]
    return reused, [node for node in order if node not in set(reused)]
