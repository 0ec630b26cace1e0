"""What must hold before a version goes live: the rules in force, their history, and the form that changes them."""

from dataclasses import asdict

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.permissions import Permission
from workflows import governance, voters
from workflows.governance_forms import GovernanceForm
from workflows.models import GovernanceRules

SHOWN = 50  # earlier rules on the page


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_governance(request: TenantRequest) -> HttpResponse:
    return _show(request, GovernanceForm(initial=asdict(governance.current())))


@require_POST
@permission_required(Permission.GOVERNANCE_EDIT)
def change_governance(request: TenantRequest) -> HttpResponse:
    """Rules that nobody could fulfil are refused on the spot."""
    form = GovernanceForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    governance.set_rules(
        rules=form.cleaned_data["rules"], reason=form.cleaned_data["reason"], by=actor_of(request)
    )
    messages.success(request, "These rules are in force now.")
    return redirect("places:governance")


def _show(request: TenantRequest, form: GovernanceForm, status: int = 200) -> HttpResponse:
    rows = list(GovernanceRules.objects.order_by("-number")[: SHOWN + 1])
    found = voters.find()
    pairs = zip(rows[:SHOWN], [*rows[1:], None], strict=False)
    shown = {
        "form": form if can(request, Permission.GOVERNANCE_EDIT) else None,
        "told": _told(asdict(governance.current())),
        "history": [(row, _changed(row, before)) for row, before in pairs],
        "voters": found,
        "officers": [each for each in found if voters.is_officer(each)],
    }
    return render(request, "workflows/governance.html", shown, status=status)


def _told(rules: dict[str, object]) -> list[tuple[str, str]]:
    """Each rule in words, with what it says."""
    labels = {name: str(field.label) for name, field in GovernanceForm.base_fields.items()}
    return [(labels[name], _said(value)) for name, value in rules.items() if name in labels]


def _changed(row: GovernanceRules, before: GovernanceRules | None) -> list[tuple[str, str]]:
    """What these rules say otherwise than those before them."""
    was, now = asdict(governance.rules_of(before)), asdict(governance.rules_of(row))
    return _told({name: value for name, value in now.items() if value != was[name]})


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "never" if value is None else str(value)
