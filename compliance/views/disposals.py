"""Disposal in four steps with addresses of their own: scope, preview, confirm, result. And the log of all of them."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from compliance import disposables, disposal
from compliance.disposables import PlanLine
from compliance.forms import ConfirmForm, LogForm
from compliance.models import Disposal, DisposalPlan
from tenancy import paging
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.permissions import Permission

STEPS = ("Scope", "Preview", "Confirm", "Result")
LINES_SHOWN = 200
COPIES_SHOWN = 10


@require_safe
@permission_required(Permission.DISPOSAL_VIEW)
def list_disposals(request: TenantRequest) -> HttpResponse:
    """The disposal log, newest first."""
    form = LogForm(request.GET or None)
    asked: dict[str, Any] = form.cleaned_data if form.is_valid() else {}
    rows = Disposal.objects.matching(
        kind=asked.get("kind", ""),
        record_id=asked.get("record"),
        owner_digest=disposal.owner_digest_of(asked.get("owner", "")),
    ).prefetch_related("confirmations")
    page = paging.page(rows, request)
    return render(request, "compliance/disposals.html", {"page": page, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.DISPOSAL_EXECUTE)
def dispose(request: TenantRequest, kind: str, target_id: UUID) -> HttpResponse:
    """Step 1: what is to go. Sending it makes the dry run."""
    line = _get_target(kind, target_id)
    if request.method != "POST":
        shown = {
            "line": line,
            "label": disposables.get_disposable(kind).label,
            "below": [child.label for child in disposables.children_of(kind)],
            "steps": STEPS,
            "way": _way(),
        }
        return render(request, "compliance/scope.html", shown)
    frozen = disposal.plan(kind=kind, target_id=target_id, by=actor_of(request))
    return redirect("compliance:plan", frozen.pk)


@require_safe
@permission_required(Permission.DISPOSAL_EXECUTE)
def show_plan(request: TenantRequest, plan_id: UUID) -> HttpResponse:
    """Step 2: exactly what would go, by kind and by record."""
    frozen = disposal.get_plan(plan_id)
    return render(request, "compliance/plan.html", plan_shown(frozen) | {"way": _way(frozen)})


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.DISPOSAL_EXECUTE)
def confirm(request: TenantRequest, plan_id: UUID) -> HttpResponse:
    """Step 3: the ground, the reason, and the word typed. Sending it destroys the keys."""
    frozen = disposal.get_plan(plan_id)
    form = ConfirmForm(request.POST if request.method == "POST" else None, plan=frozen)
    if not form.is_valid():
        shown = plan_shown(frozen) | {"form": form, "way": _way(frozen)}
        status = 422 if form.is_bound else 200
        return render(request, "compliance/confirm.html", shown, status=status)
    done = disposal.execute(
        plan_id=frozen.pk,
        by=actor_of(request),
        legal_basis=form.cleaned_data["legal_basis"],
        reason=form.cleaned_data["reason"],
    )
    return redirect("compliance:disposal", done.pk)


@require_safe
@permission_required(Permission.DISPOSAL_VIEW)
def show_disposal(request: TenantRequest, disposal_id: UUID) -> HttpResponse:
    """Step 4, and what the log says ever after."""
    done = get_object_or_404(Disposal.objects.select_related("plan"), pk=disposal_id)
    shown = {
        "disposal": done,
        "confirmation": done.find_confirmation(),
        "page": paging.page(done.records.all(), request, order=("id",), limit=100),
        "steps": STEPS,
        "way": _way(),
    }
    return render(request, "compliance/disposal.html", shown)


def _get_target(kind: str, target_id: UUID) -> PlanLine:
    """The living record. What is not there, or gone already, does not exist."""
    if kind not in disposables.all_kinds():
        raise Http404
    for line in disposables.get_disposable(kind).find([target_id]):
        if line.id == target_id:
            return line
    raise Http404


def _way(plan: DisposalPlan | None = None) -> dict[str, str]:
    """Where the steps of a disposal are."""
    way = {"home": reverse("compliance:disposals"), "home_words": "Disposal"}
    if plan is None:
        return way
    used = plan.disposals.first()
    return way | {
        "begin": reverse("compliance:dispose", args=[plan.kind, plan.target_id]),
        "plan": reverse("compliance:plan", args=[plan.pk]),
        "confirm": reverse("compliance:confirm", args=[plan.pk]),
        "result": reverse("compliance:disposal", args=[used.pk]) if used else "",
    }


def plan_shown(frozen: DisposalPlan) -> dict[str, Any]:
    """What the preview and the confirmation print of a plan."""
    copies = disposal.copies_beside(frozen)
    return {
        "copies": copies[:COPIES_SHOWN],
        "more_copies": max(0, len(copies) - COPIES_SHOWN),
        "plan": frozen,
        "lines": frozen.lines[:LINES_SHOWN],
        "more": max(0, len(frozen.lines) - LINES_SHOWN),
        "is_expired": frozen.is_expired(now()),
        "steps": STEPS,
    }
