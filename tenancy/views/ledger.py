"""The ledger, for reading, and its verification. An auditor verifies on a machine of their own, too."""

import logging

from django.contrib import messages
from django.db import transaction
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenancy import paging, verifications
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.models import LedgerCheckpoint, LedgerEntry, LedgerLeaf, LedgerVerification
from tenancy.permissions import Permission
from tenancy.tasks import verify_ledger

logger = logging.getLogger(__name__)

FILTERS = {"event": "event", "subject": "subject_id", "actor": "actor_id"}


@require_safe
@permission_required(Permission.LEDGER_VIEW)
def list_entries(request: TenantRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip() for name in FILTERS}
    leaves = LedgerLeaf.objects.only("tenant", "entry", "index")
    rows = LedgerEntry.objects.prefetch_related(Prefetch("leaf", leaves, "leaves")).filter(
        **{FILTERS[name]: value for name, value in asked.items() if value}
    )
    shown = {
        "page": paging.page(rows, request),
        "asked": asked,
        "is_filtered": any(asked.values()),
        "events": [event.value for event in EventType],
        "checkpoint": LedgerCheckpoint.objects.order_by("-size").first(),
        "verified": verifications.find_last(),
    }
    return render(request, "tenancy/ledger.html", shown)


@require_safe
@permission_required(Permission.LEDGER_VIEW)
def list_verifications(request: TenantRequest) -> HttpResponse:
    """Who had it computed anew, when, and what came of it."""
    page = paging.page(LedgerVerification.objects.all(), request)
    return render(request, "tenancy/verifications.html", {"page": page})


@require_POST
@permission_required(Permission.LEDGER_VIEW)
def verify(request: TenantRequest) -> HttpResponse:
    """A worker reads the whole ledger: that takes longer than anybody waits for a page."""
    _verify_soon(actor_of(request))
    messages.info(request, "The ledger is being verified. What comes of it will stand here.")
    return redirect("tenancy:verifications")


def _verify_soon(by: Actor) -> None:
    def tell() -> None:
        try:
            verify_ledger.delay(by.kind, by.id, by.name)
        except Exception:  # whatever the broker does, the page goes on
            logger.warning("No message could be sent to verify a ledger", exc_info=True)

    transaction.on_commit(tell)
