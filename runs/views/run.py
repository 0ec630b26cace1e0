"""One run: overview with graph and timeline, its events, its decisions, its input and output."""

from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from runs import payloads
from runs.models import Run
from runs.views.people import name_starter
from runs.views.run_page import page_of
from tenancy import paging
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission

EVENTS_A_PAGE = 100
# Not read with the run: its content, which may be large, is read where it is shown, and so is the policy's text.
CONTENT = ("input_sealed", "output_sealed", "response_sealed")
TEXTS_OF_POLICY = ("snapshot__hard", "snapshot__obligations", "snapshot__schema")


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_run(request: TenantRequest, run_id: UUID) -> HttpResponse:
    """The whole page, or what changes on it while the run goes on."""
    run = get_run(run_id)
    shown = head_of(run, "overview") | {"page": page_of(run, request)}
    fragment = request.htmx and request.htmx.target == "live"
    response = render(request, "runs/run.html#live" if fragment else "runs/run.html", shown)
    patch_vary_headers(response, ["HX-Request"])
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_events(request: TenantRequest, run_id: UUID) -> HttpResponse:
    run = get_run(run_id)
    page = paging.page(run.events.all(), request, order=("seq",), limit=EVENTS_A_PAGE)
    return render(request, "runs/events.html", head_of(run, "events") | {"page": page})


@require_safe
@permission_required(Permission.DECISION_VIEW)
def show_decisions(request: TenantRequest, run_id: UUID) -> HttpResponse:
    run = get_run(run_id)
    verdict = request.GET.get("verdict", "")
    rows = run.decisions.filter(verdict=verdict) if verdict else run.decisions.all()
    shown = head_of(run, "decisions") | {
        "page": paging.page(rows, request, order=("id",), limit=EVENTS_A_PAGE),
        "verdict": verdict,
        "verdicts": run.decisions.order_by("verdict").values("verdict").annotate(n=Count("id")),
    }
    return render(request, "runs/decisions.html", shown)


@require_safe
@permission_required(Permission.PAYLOAD_VIEW)
def show_payloads(request: TenantRequest, run_id: UUID) -> HttpResponse:
    run = get_run(run_id)
    shown = head_of(run, "payloads")
    if not run.is_disposed:
        shown["input"] = payloads.open_payload(run, "input_sealed")
        shown["output"] = payloads.open_payload(run, "output_sealed")
        shown["early"] = payloads.open_payload(run, "response_sealed")
    response = render(request, "runs/payloads.html", shown)
    response["Cache-Control"] = "no-store"
    return response


def get_run(run_id: UUID) -> Run:
    """With what names its version and its policy. Joining more tables would take longer to plan than to read."""
    runs = Run.objects.select_related("workflow", "version", "snapshot")
    run: Run = get_object_or_404(runs.defer(*CONTENT, *TEXTS_OF_POLICY), pk=run_id)
    run.version.workflow = run.workflow
    return run


def head_of(run: Run, tab: str) -> dict[str, Any]:
    """What all tabs of a run share."""
    return {
        "run": run,
        "tab": tab,
        "starter": name_starter(run),
        "decided": run.decisions.aggregate(
            all=Count("id"), denied=Count("id", filter=Q(verdict="deny"))
        ),
    }
