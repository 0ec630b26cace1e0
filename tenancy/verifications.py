"""Verifications on record: who had the ledger computed anew, when, how far, and what came of it."""

from collections.abc import Sequence

from django.db import transaction

from tenancy import ledger, verification
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.models import LedgerVerification, Tenant, TenantStatus
from tenancy.verification import Report


def verify(*, tenant: Tenant, by: Actor, anchors: Sequence[str] = ()) -> Report:
    """Check the tenant's whole ledger and keep what was found. Nothing signs for a deleted tenant: nothing is kept."""
    report = verification.verify(tenant, anchors=anchors)
    if tenant.status != TenantStatus.DELETED:
        keep(report=report, by=by, anchors=len(anchors))
    return report


def keep(*, report: Report, by: Actor, anchors: int = 0) -> LedgerVerification:
    """Put a report on record, in the ledger of which it is, too."""
    first = report.faults[0] if report.faults else None
    with tenant_context(report.tenant), transaction.atomic():
        kept: LedgerVerification = LedgerVerification.objects.create(
            author_kind=by.kind,
            author_id=by.id,
            author_name=by.name[:200],
            size=report.size,
            checkpoints=report.checkpoints,
            waiting=report.waiting,
            anchors=anchors,
            has_marks_checked=report.has_marks_checked,
            is_sound=report.is_sound,
            fault_count=len(report.faults),
            first_fault=first.index if first else None,
            sentence=first.sentence[:500] if first else "",
        )
        ledger.append(
            EventType.LEDGER_VERIFIED,
            subject=kept,
            by=by,
            size=report.size,
            is_sound=report.is_sound,
            first_fault=kept.first_fault,
        )
    return kept


def find_last() -> LedgerVerification | None:
    """The newest of the tenant at hand."""
    return LedgerVerification.objects.first()
