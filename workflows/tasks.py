"""Chores of this floor: a few lines around a verb. Each may run twice or not at all."""

import logging

from celery import shared_task

from tenancy.context import tenant_context
from tenancy.models import Tenant
from workflows import stores

logger = logging.getLogger(__name__)


@shared_task(name="workflows.tasks.chore_sweep_stores")
def chore_sweep_stores() -> None:
    """Clear away files that no row names, tenant by tenant."""
    for tenant in Tenant.objects.order_by("pk"):
        with tenant_context(tenant):
            removed = stores.sweep()
        if removed:
            logger.info(
                "Files without a row were removed",
                extra={"action": "stores_swept", "count": removed, "tenant_slug": tenant.slug},
            )
