"""Which version of a workflow stands where, and what was promoted when."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.errors import GroveError
from tenancy.permissions import Permission
from workflows import environments, governance
from workflows.environment_forms import StageForm
from workflows.models import Promotion, Workflow

SHOWN = 50


@require_http_methods(["GET", "HEAD"])
@permission_required(Permission.WORKFLOW_VIEW)
def show_environments(request: TenantRequest, slug: str) -> HttpResponse:
    workflow = _workflow(slug)
    may_stage = can(request, Permission.WORKFLOW_EDIT) and not workflow.is_disposed
    return _show(request, workflow, StageForm(workflow=workflow) if may_stage else None)


@require_http_methods(["POST"])
@permission_required(Permission.WORKFLOW_EDIT)
def stage(request: TenantRequest, slug: str) -> HttpResponse:
    workflow = _workflow(slug)
    form = StageForm(request.POST, workflow=workflow)
    if not form.is_valid():
        return _show(request, workflow, form, status=422)
    version = form.cleaned_data["version"]
    try:
        environments.stage(
            version=version, by=actor_of(request), reason=form.cleaned_data["reason"]
        )
    except GroveError as error:
        form.add_error("version", error.sentence)
        return _show(request, workflow, form, status=error.status)
    messages.success(request, f"Version {version.number} stands on staging.")
    return redirect("workflows:environments", slug)


def _workflow(slug: str) -> Workflow:
    workflow: Workflow = get_object_or_404(Workflow.objects.with_pointers(), slug=slug)
    return workflow


def _show(
    request: TenantRequest, workflow: Workflow, form: StageForm | None, status: int = 200
) -> HttpResponse:
    history = Promotion.objects.filter(workflow=workflow).select_related("version__workflow")
    shown = {
        "workflow": workflow,
        "version": workflow.published,
        "revision": workflow.published.revision if workflow.published else workflow.head,
        "tab": "environments",
        "standings": environments.standings(workflow),
        "history": history[:SHOWN],
        "rules": governance.current(),
        "form": form,
    }
    return render(request, "workflows/environments.html", shown, status=status)
