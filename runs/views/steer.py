"""Resume and cancel: a page that says what will happen, then the deed."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from runs import cancel, resume
from runs.views.run import get_run
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.RUN_RESUME)
def resume_run(request: TenantRequest, run_id: UUID) -> HttpResponse:
    run = get_run(run_id)
    if request.method != "POST":
        reused, again = resume.nodes_to_run(run)
        return render(request, "runs/resume.html", {"run": run, "reused": reused, "again": again})
    resume.resume(run=run, by=actor_of(request))
    messages.success(request, "The run goes on from its checkpoint.")
    return redirect(run)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.RUN_CANCEL)
def cancel_run(request: TenantRequest, run_id: UUID) -> HttpResponse:
    run = get_run(run_id)
    if request.method != "POST":
        return render(request, "runs/cancel.html", {"run": run})
    cancel.cancel(run=run, by=actor_of(request))
    messages.success(request, "The run is cancelled. What still comes in is recorded and not used.")
    return redirect(run)
