"""What beat asks of this floor."""

import logging

from celery import shared_task
from django.db import DatabaseError

from tenancy import idempotency, secret_store, sequencer
from tenancy.context import tenant_context
from tenancy.errors import GroveError, KeyDestroyed
from tenancy.models import Tenant

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def chore_sequence_ledgers() -> None:
    """Give every tenant's new entries their place and sign it. One tenant's trouble does not stop the others."""
    for tenant in Tenant.objects.order_by("pk"):
        try:
            sequencer.sequence(tenant)
        except KeyDestroyed:  # a tenant that was erased signs nothing any more
            continue
        except (
            GroveError,
            DatabaseError,
        ):  # a ledger that was tampered with may refuse its next leaf
            logger.exception(
                "A ledger could not be sequenced",
                extra={"action": "ledger_not_sequenced", "tenant_slug": tenant.slug},
            )


@shared_task(ignore_result=True)
def chore_forget_answers() -> None:
    """Drop what was kept for requests that come again, after a day."""
    for tenant in Tenant.objects.order_by("pk"):
        with tenant_context(tenant):
            idempotency.forget_old()


@shared_task(ignore_result=True)
def chore_empty_secrets() -> None:
    """Remove from Vault what was revoked or replaced while it did not answer."""
    for tenant in Tenant.objects.order_by("pk"):
        with tenant_context(tenant):
            secret_store.empty_outside()
