"""What waits for the person who asks: approvals for their role, and alerts for those who can see to them.

Nothing is stored: what was decided or acknowledged waits no more.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance import alerts
from compliance.models import Alert
from runs.models import Wait
from runs.views import waiting
from tenancy import persons, prepared
from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.permissions import Permission
from tenancy.prepared import Prepared
from workflows import reviews

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
    """How many approvals wait for the role of whoever asks."""
    return _waiting(request)["approvals"]


def alerts_for(request: HttpRequest) -> int:
    """How many alerts wait, for those who can do something about it."""
    return all_alerts(request) if _sees_to_alerts(request) else 0


def all_alerts(request: HttpRequest) -> int:
    """How many alerts wait, for everybody who may know."""
    return _waiting(request)["alerts"]


def reviews_for(request: HttpRequest) -> int:
    """How many reviews wait for whoever asks."""
    if not _waiting(request)["reviews"]:
        return 0
    return reviews.waiting_for(actor_of(request)).count()


def _sees_to_alerts(request: HttpRequest) -> bool:
    return can(request, Permission.ALERT_ACKNOWLEDGE)


def _waiting(request: HttpRequest) -> Mapping[str, int]:
    """What waits, counted once in a request and by one statement."""
    if not hasattr(request, "_waiting"):
        request._waiting = _count(request)  # type: ignore[attr-defined]  # noqa: SLF001
    found: Mapping[str, int] = request._waiting  # type: ignore[attr-defined]  # noqa: SLF001
    return found


def _count(request: HttpRequest) -> Mapping[str, int]:
    membership = getattr(request, "membership", None)
    asked: dict[str, tuple[Prepared[Any], Mapping[str, Any]]] = {"alerts": (alerts.WAITING, {})}
    if membership is not None:
        asked["approvals"] = (waiting.APPROVALS, {"role": membership.role})
    if can(request, Permission.WORKFLOW_PUBLISH):
        person = persons.of_actor(actor_of(request))
        asked["reviews"] = (reviews.OPEN, {"person": person})
    return {"approvals": 0, "reviews": 0} | prepared.count_all(asked)
