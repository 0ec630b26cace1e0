"""Runs by the state of the document under which they were executed."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import is_naive, make_aware
from django.views.decorators.http import require_safe

from runs import document_runs
from runs.errors import FilterInvalid
from tenancy import paging
from tenancy.access import TenantRequest, permission_required
from tenancy.moments import find_moment
from tenancy.permissions import Permission
from workflows.models import Workflow, WorkflowVersion


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_states(request: TenantRequest, slug: str) -> HttpResponse:
    """Each state of a workflow's document, with the number of runs under it."""
    workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    page = document_runs.find(workflow, before=read_moment("before", request.GET.get("before", "")))
    return render(request, "runs/documents.html", {"workflow": workflow, "page": page})


@require_safe
@permission_required(Permission.RUN_VIEW)
def list_executed(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    """The runs of a version within a time."""
    rows = WorkflowVersion.objects.select_related("workflow")
    version = get_object_or_404(rows, workflow__slug=slug, number=number)
    since = read_moment("since", request.GET.get("since", ""))
    until = read_moment("until", request.GET.get("until", ""))
    runs = document_runs.between(version, since, until).defer(
        "input_sealed", "output_sealed", "response_sealed"
    )
    shown = {
        "version": version,
        "workflow": version.workflow,
        "since": since,
        "until": until,
        "page": paging.page(runs, request, keys_first=True),
    }
    return render(request, "runs/executed.html", shown)


def read_moment(name: str, text: str) -> datetime | None:
    """None for no text. Raises FilterInvalid."""
    if not text:
        return None
    moment = find_moment(text)
    if moment is None:
        raise FilterInvalid(f"“{name}” takes an RFC 3339 time, such as 2026-11-21T09:00:00Z.")
    return make_aware(moment, UTC) if is_naive(moment) else moment
