"""Alerts: those that wait for somebody, and those that somebody has seen to."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from compliance import alerts
from compliance.forms import AcknowledgeForm
from compliance.models import AlertKind
from tenancy import access, paging
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission

TABS = {"waiting": "Waiting", "acknowledged": "Acknowledged"}


@require_safe
@permission_required(Permission.DECISION_VIEW)
def list_alerts(request: TenantRequest) -> HttpResponse:
    return _show(request)


@require_POST
@permission_required(Permission.ALERT_ACKNOWLEDGE)
def acknowledge(request: TenantRequest, alert_id: UUID) -> HttpResponse:
    alert = alerts.get_alert(alert_id)
    form = AcknowledgeForm(request.POST)
    if not form.is_valid():
        return _show(request, wrong=(alert_id, form), status=422)
    alerts.acknowledge(alert=alert, reason=form.cleaned_data["reason"], by=access.actor_of(request))
    return redirect("alerts:list")


def _show(
    request: TenantRequest,
    *,
    wrong: tuple[UUID, AcknowledgeForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "waiting"
    kind = request.GET.get("kind", "")
    kind = kind if kind in AlertKind.values else ""
    page = paging.page(alerts.matching(state=tab, kind=kind), request)
    may_act = tab == "waiting" and access.can(request, Permission.ALERT_ACKNOWLEDGE)
    shown = {
        "tabs": TABS,
        "tab": tab,
        "kind": kind,
        "kinds": AlertKind.choices,
        "page": page,
        "rows": [(alert, _form(alert.pk, wrong) if may_act else None) for alert in page.items],
        "form": wrong[1] if wrong else None,
    }
    return render(request, "compliance/alerts.html", shown, status=status)


def _form(alert_id: UUID, wrong: tuple[UUID, AcknowledgeForm] | None) -> AcknowledgeForm:
    if wrong and wrong[0] == alert_id:
        return wrong[1]
    return AcknowledgeForm(auto_id=f"{alert_id}_%s")
