"""What waits for the person who asks: approvals for their role, and alerts for those who can see to them.

Nothing is stored: what was decided or acknowledged waits no more.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance import alerts
from compliance.models import Alert
from runs.models import Wait
from runs.views import waiting
from tenancy.access import TenantRequest, can, permission_required
from tenancy.permissions import Permission

SHOWN = 50


@require_safe
@permission_required(Permission.RUN_VIEW)
def list_notifications(request: TenantRequest) -> HttpResponse:
    role = request.membership.role if request.membership else ""
    asked = Wait.objects.for_role(role).select_related("run__workflow").order_by("id")
    shown = {
        "approvals": asked.defer("question_sealed", "answer_sealed")[:SHOWN],
        "alerts": Alert.objects.waiting().order_by("-id")[:SHOWN]
        if _sees_to_alerts(request)
        else (),
        "count": count_for(request),
    }
    return render(request, "notifications.html", shown)


def count_for(request: HttpRequest) -> int:
    return approvals_for(request) + alerts_for(request)


def approvals_for(request: HttpRequest) -> int:
    """How many approvals wait for the role of whoever asks, asked for once in a request."""
    return _once(request, "_approvals", lambda: waiting.approvals_for(request))


def alerts_for(request: HttpRequest) -> int:
    """How many alerts wait, for those who can do something about it."""
    return all_alerts(request) if _sees_to_alerts(request) else 0


def all_alerts(request: HttpRequest) -> int:
    """How many alerts wait, for everybody who may know, asked for once in a request."""
    return _once(request, "_alerts", alerts.count_waiting)


def _sees_to_alerts(request: HttpRequest) -> bool:
    return can(request, Permission.ALERT_ACKNOWLEDGE)


def _once(request: HttpRequest, name: str, count: Callable[[], int]) -> int:
    if not hasattr(request, name):
        setattr(request, name, count())
    found: int = getattr(request, name)
    return found
