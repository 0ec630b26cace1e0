"""The ledger, for reading. Verifying it is for `manage.py verify_ledger` and for an auditor's own machine."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenancy import paging
from tenancy.access import TenantRequest, permission_required
from tenancy.events import EventType
from tenancy.models import LedgerCheckpoint, LedgerEntry
from tenancy.permissions import Permission

FILTERS = {"event": "event", "subject": "subject_id", "actor": "actor_id"}


@require_safe
@permission_required(Permission.LEDGER_VIEW)
def list_entries(request: TenantRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip() for name in FILTERS}
    rows = LedgerEntry.objects.prefetch_related("leaf").filter(
        **{FILTERS[name]: value for name, value in asked.items() if value}
    )
    shown = {
        "page": paging.page(rows, request),
        "asked": asked,
        "is_filtered": any(asked.values()),
        "events": [event.value for event in EventType],
        "checkpoint": LedgerCheckpoint.objects.order_by("-size").first(),
    }
    return render(request, "tenancy/ledger.html", shown)
