"""Budgets: how full they are, new ones, and what may be changed of one."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from compliance import alerts
from compliance.models import AlertKind
from tenancy import access, paging
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows import budget_use, budgets
from workflows.budget_forms import BudgetChangeForm, BudgetForm
from workflows.budget_use import Use
from workflows.models import Budget, BudgetUnit
from workflows.place_forms import SwitchForm

ALERTS_SHOWN = 20


@require_safe
@permission_required(Permission.RUN_VIEW)
def list_budgets(request: TenantRequest) -> HttpResponse:
    return _show_list(request)


@require_POST
@permission_required(Permission.BUDGET_EDIT)
def add_budget(request: TenantRequest) -> HttpResponse:
    form = BudgetForm(request.POST)
    if not form.is_valid():
        return _show_list(request, form=form, status=422)
    budget = budgets.create(by=access.actor_of(request), **form.facts())
    messages.success(request, f"The budget “{budget.name}” counts from now on.")
    return redirect("budgets:list")


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_budget(request: TenantRequest, name: str) -> HttpResponse:
    return _show_one(request, budgets.get_budget(name))


@require_POST
@permission_required(Permission.BUDGET_EDIT)
def change_budget(request: TenantRequest, name: str) -> HttpResponse:
    budget = budgets.get_budget(name)
    form = BudgetChangeForm(request.POST, budget=budget)
    if not form.is_valid():
        return _show_one(request, budget, form=form, status=422)
    budgets.change(budget=budget, by=access.actor_of(request), **form.cleaned_data)
    return redirect("budgets:show", name)


@require_POST
@permission_required(Permission.BUDGET_EDIT)
def switch_budget(request: TenantRequest, name: str) -> HttpResponse:
    """End it, or have it count again. What it counted is kept."""
    budget = budgets.get_budget(name)
    form = SwitchForm(request.POST)
    if form.is_valid():
        enabled = form.cleaned_data["enabled"]
        budgets.change(budget=budget, enabled=enabled, by=access.actor_of(request))
    return redirect("budgets:show", name)


def _show_list(
    request: TenantRequest, *, form: BudgetForm | None = None, status: int = 200
) -> HttpResponse:
    page = paging.page(Budget.objects.with_scopes(), request, order=("name",))
    shown: dict[str, Any] = {
        "page": page,
        "rows": [_row(use) for use in budget_use.uses(page.items)],
    }
    if access.can(request, Permission.BUDGET_EDIT):
        shown["form"] = form or BudgetForm()
    return render(request, "workflows/budgets.html", shown, status=status)


def _show_one(
    request: TenantRequest,
    budget: Budget,
    *,
    form: BudgetChangeForm | None = None,
    status: int = 200,
) -> HttpResponse:
    told = alerts.matching(kind=AlertKind.BUDGET_THRESHOLD).filter(subject_id=str(budget.pk))
    shown = _row(budget_use.uses([budget])[0]) | {"told": told[:ALERTS_SHOWN]}
    if access.can(request, Permission.BUDGET_EDIT):
        said = {
            "amount": budget_use.to_text(budget, budget.amount),
            "hard_stop": "stop" if budget.hard_stop else "tell",
        }
        shown["form"] = form or BudgetChangeForm(budget=budget, initial=said)
    return render(request, "workflows/budget.html", shown, status=status)


def _row(use: Use) -> dict[str, Any]:
    """A budget in words, and its bar in hundredths: what is used, and what is reserved beside it."""
    budget, full = use.budget, min(100, use.percent)
    held = -(-100 * use.reserved // budget.amount) if budget.amount else 0
    words = {
        name: budget_use.in_words(budget, amount)
        for name, amount in (
            ("used", use.used),
            ("reserved", use.reserved),
            ("limit", budget.amount),
            ("left", use.left),
        )
    }
    return words | {
        "budget": budget,
        "use": use,
        "full": full,
        "held": min(100 - full, held),
        "is_money": budget.unit == BudgetUnit.MONEY,
    }
