"""The life of a version: number a revision, publish it, retire it. Each is a page of its own with a reason."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.permissions import Permission
from workflows import versions
from workflows.forms import ReasonForm
from workflows.models import DefinitionRevision, WorkflowVersion


@require_POST
@permission_required(Permission.WORKFLOW_EDIT)
def create_version(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    revision = get_object_or_404(DefinitionRevision, workflow__slug=slug, number=number)
    version = versions.create(revision=revision, by=actor_of(request))
    messages.success(request, f"Revision {number} is version {version.number} now.")
    return redirect(version)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_PUBLISH)
def publish(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    return _ask_reason(request, slug, number, "publish", versions.publish)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_RETIRE)
def retire(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    return _ask_reason(request, slug, number, "retire", versions.retire)


def _ask_reason(
    request: TenantRequest, slug: str, number: int, verb: str, move: Callable[..., None]
) -> HttpResponse:
    found = WorkflowVersion.objects.select_related("workflow__published", "revision")
    version = get_object_or_404(found, workflow__slug=slug, number=number)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        shown = {"version": version, "workflow": version.workflow, "form": form, "verb": verb}
        return render(
            request, "workflows/lifecycle.html", shown, status=422 if form.is_bound else 200
        )
    move(version=version, by=actor_of(request), reason=form.cleaned_data["reason"])
    messages.success(request, f"Version {number} is {verb.removesuffix('e')}ed.")
    return redirect(version)
