"""Tries a draft with the input of a past run, on the answers that the run recorded. Nothing is asked outside."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from runs import replay
from runs.errors import ReplayRefused
from runs.lineage_forms import TryForm
from runs.models import Run
from runs.models.states import RunStatus
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.errors import GroveError
from tenancy.permissions import Permission
from workflows.models import Workflow

RUNS_AT_MOST = 30
NODES_AT_MOST = 300
CAN_BE_TRIED = (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS, RunStatus.FAILED)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.PAYLOAD_VIEW)
def try_draft(request: TenantRequest, slug: str) -> HttpResponse:
    """Choose a run that has ended; see node by node what the draft makes of it, beside what is on record."""
    workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    runs = list(
        Run.objects.filter(workflow=workflow, status__in=CAN_BE_TRIED).order_by("-id")[
            :RUNS_AT_MOST
        ]
    )
    form = TryForm(request.POST if request.method == "POST" else None, runs=runs)
    shown: dict[str, Any] = {"workflow": workflow, "form": form, "runs": runs}
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid() and workflow.head is not None:
            run = next(each for each in runs if str(each.pk) == form.cleaned_data["run"])
            try:
                shown |= _tried(request, workflow, run)
                status = 200
            except GroveError as error:  # disposed, not complete, or a draft with errors
                form.add_error("run", str(error))
    return render(request, "runs/try.html", shown, status=status)


def _tried(request: TenantRequest, workflow: Workflow, run: Run) -> dict[str, Any]:
    head = workflow.head
    if head is None:
        raise ReplayRefused("There is no draft yet.")
    head.workflow = workflow
    report = replay.replay(run, by=actor_of(request), revision=head)
    return {
        "run": run,
        "report": report,
        "is_what_if": True,
        "nodes": report.nodes[:NODES_AT_MOST],
        "more": max(0, len(report.nodes) - NODES_AT_MOST),
    }
