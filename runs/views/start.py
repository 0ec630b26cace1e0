"""Start a run by hand: fields from the input schema, JSON, or a file."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from runs import start
from runs.errors import VersionNotPublished
from runs.forms import StartForm
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.models import new_id
from tenancy.permissions import Permission
from workflows.models import Workflow


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.RUN_START)
def start_run(request: TenantRequest, slug: str) -> HttpResponse:
    workflow = get_object_or_404(Workflow.objects.living(), slug=slug)
    version = workflow.published
    if version is None:
        raise VersionNotPublished
    definition = version.revision.definition
    if request.method != "POST":
        form = StartForm(definition=definition, initial={"once": new_id()})
        return _show(request, workflow, form)
    form = StartForm(request.POST, request.FILES, definition=definition)
    if not form.is_valid():
        return _show(request, workflow, form, status=form.refusal_status)
    run = start.start(
        version=version,
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


def _show(
    request: TenantRequest, workflow: Workflow, form: StartForm, status: int = 200
) -> HttpResponse:
    shown = {"workflow": workflow, "version": workflow.published, "form": form}
    return render(request, "runs/start.html", shown, status=status)
