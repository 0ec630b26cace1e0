"""Start a run by hand: fields from the input schema, JSON, or a file."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from runs import start
from runs.errors import VersionNotPublished, VersionNotStaged
from runs.forms import StartForm
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.models import new_id
from tenancy.permissions import Permission
from workflows import environments
from workflows.models import Environment, Workflow, WorkflowVersion


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.RUN_START)
def start_run(request: TenantRequest, slug: str) -> HttpResponse:
    workflow = get_object_or_404(Workflow.objects.living(), slug=slug)
    environment = _environment(request)
    on_staging = environment is Environment.STAGING
    version = environments.find_staged(workflow) if on_staging else workflow.published
    if version is None:
        raise VersionNotStaged if on_staging else VersionNotPublished
    definition = version.revision.definition
    if request.method != "POST":
        form = StartForm(definition=definition, initial={"once": new_id()})
        return _show(request, version, form)
    form = StartForm(request.POST, request.FILES, definition=definition)
    if not form.is_valid():
        return _show(request, version, form, status=form.refusal_status)
    run = start.start(
        version=version,
        environment=environment,
        run_input=form.cleaned_data["run_input"],
        by=actor_of(request),
        owner_label=form.cleaned_data["owner_label"],
        subject=form.cleaned_data["subject"],
        budget_micros=form.cleaned_data["budget"],
        budget_currency=form.cleaned_data["budget_currency"],
        idempotency_key=f"page:{form.cleaned_data['once']}",
    )
    messages.success(request, "The run is on record. A worker takes it up at once.")
    return redirect(run)


def _environment(request: TenantRequest) -> Environment:
    """From the address, which the form keeps."""
    on_staging = request.GET.get("environment") == Environment.STAGING
    return Environment.STAGING if on_staging else Environment.PROD


def _show(
    request: TenantRequest, version: WorkflowVersion, form: StartForm, status: int = 200
) -> HttpResponse:
    shown = {
        "workflow": version.workflow,
        "version": version,
        "form": form,
        "on_staging": _environment(request) is Environment.STAGING,
    }
    return render(request, "runs/start.html", shown, status=status)
