"""What beat asks of this floor."""

from celery import shared_task

from tenancy import sequencer
from tenancy.models import Tenant


@shared_task(ignore_result=True)
def chore_sequence_ledgers() -> None:
    """Give every tenant's new entries their place and sign it."""
    for tenant in Tenant.objects.order_by("pk"):
        sequencer.sequence(tenant)
