"""What beat asks of this floor."""

import logging

from celery import shared_task

from tenancy import sequencer
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
        except GroveError:
            logger.exception(
                "A ledger could not be sequenced",
                extra={"action": "ledger_not_sequenced", "tenant_slug": tenant.slug},
            )
