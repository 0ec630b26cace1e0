"""What waits for a person: the list, and the page of one question, on which it is decided."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from runs import payloads, waits
from runs.forms import DecideForm
from runs.models import Wait, WaitKind
from runs.views import names
from runs.views.people import name_actor
from runs.views.run_page import find_definition, find_nodes
from runs.views.waiting import is_for
from tenancy import paging
from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.permissions import Permission, Role

TABS = {"mine": "For you", "all": "For anybody", "decided": "Decided"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question in the list, in words."""

    wait: Wait
    name: str
    approver: str
    answered_by: str


@require_safe
@permission_required(Permission.RUN_VIEW)
def list_waits(request: TenantRequest) -> HttpResponse:
    """Approvals that are waited for; the oldest first, because they expire first."""
    tab = request.GET.get("tab", "mine")
    tab = tab if tab in TABS else "mine"
    order = ("-id",) if tab == "decided" else ("id",)
    page = paging.page(_of_tab(tab, request), request, order=order)
    shown = {"page": page, "tab": tab, "tabs": TABS, "rows": [_asked(each) for each in page.items]}
    return render(request, "runs/waiting.html", shown)


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_wait(request: TenantRequest, wait_id: UUID) -> HttpResponse:
    return _show(request, _get(wait_id), DecideForm())


@require_POST
@permission_required(Permission.RUN_DECIDE)
def decide_wait(request: TenantRequest, wait_id: UUID) -> HttpResponse:
    """Approve or refuse. Where somebody else was quicker, the page says who, and nothing changes."""
    wait = _get(wait_id)
    if not wait.is_open:
        return _show(request, wait, DecideForm(), status=409)
    form = DecideForm(request.POST)
    if not form.is_valid():
        return _show(request, wait, form, status=422)
    membership = request.membership
    waits.decide(
        wait=wait,
        verdict=form.cleaned_data["verdict"],
        reason=form.cleaned_data["reason"],
        by=actor_of(request),
        role=membership.role if membership else "",
    )
    messages.success(request, "Your decision is on record, and the run goes on.")
    return redirect("runs:wait", wait.pk)


def _get(wait_id: UUID) -> Wait:
    found = Wait.objects.select_related(
        "run__workflow", "run__version__revision", "run__version__workflow", "run__root_run"
    ).defer("run__input_sealed", "run__output_sealed")
    wait: Wait = get_object_or_404(found, pk=wait_id, kind=WaitKind.APPROVAL)
    return wait


def _show(request: TenantRequest, wait: Wait, form: DecideForm, status: int = 200) -> HttpResponse:
    may_read = can(request, Permission.PAYLOAD_VIEW) and not wait.run.is_disposed
    answered = wait.answered_at is not None
    shown = {
        "wait": wait,
        "run": wait.run,
        "name": names.full_name(find_nodes(wait.run, find_definition(wait.run)), wait.node_id),
        "approver": Role(wait.approver).label,
        "asked": payloads.open_payload(wait, "question_sealed") if may_read else None,
        "answer": payloads.open_payload(wait, "answer_sealed") if may_read and answered else None,
        "answered_by": name_actor(wait.answered_by_kind, wait.answered_by_id),
        "may_read": may_read,
        "why_not": _why_not(request, wait),
        "too_late": status == 409,
        "is_open": wait.is_open,
        "form": form,
    }
    response = render(request, "runs/wait.html", shown, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _why_not(request: TenantRequest, wait: Wait) -> str:
    """Why whoever reads this may not decide it; empty where they may try. The verb judges."""
    if wait.expires_at <= now():
        return "This has expired."
    if wait.run.is_terminal:
        return "The run has ended; it does not wait for this any more."
    if not can(request, Permission.RUN_DECIDE) or not is_for(request, wait):
        return f"This is for somebody with the role {Role(wait.approver).label.lower()} to decide."
    root, actor = wait.run.root_run or wait.run, actor_of(request)
    if (root.started_by_kind, root.started_by_id) == (actor.kind, actor.id):
        return "You started this run, so somebody else decides."
    return ""


def _of_tab(tab: str, request: TenantRequest) -> QuerySet[Wait]:
    asked = (
        Wait.objects.filter(kind=WaitKind.APPROVAL)
        .select_related("run__workflow", "run__version__revision", "run__version__workflow")
        .defer("question_sealed", "answer_sealed", "run__input_sealed", "run__output_sealed")
    )
    if tab == "decided":
        return asked.filter(answered_at__isnull=False)
    if tab == "all" or not request.membership:
        return asked.unanswered()
    return asked.for_role(request.membership.role)


def _asked(wait: Wait) -> Asked:
    nodes = find_nodes(wait.run, find_definition(wait.run))
    answered = wait.answered_at is not None
    return Asked(
        wait=wait,
        name=names.full_name(nodes, wait.node_id),
        approver=Role(wait.approver).label,
        answered_by=name_actor(wait.answered_by_kind, wait.answered_by_id) if answered else "",
    )
