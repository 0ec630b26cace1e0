"""Chores of this floor: a few lines around a verb. Each may run twice or not at all."""

import logging

from celery import shared_task
from django.db import DatabaseError

from tenancy.context import tenant_context
from tenancy.errors import GroveError
from tenancy.models import Tenant, TenantStatus
from workflows import budget_use, stores
from workflows.providers import probes

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


@shared_task(name="workflows.tasks.chore_tell_of_budgets")
def chore_tell_of_budgets() -> None:
    """Raise alerts for budgets that have reached a threshold. One tenant's trouble does not stop the others."""
    for tenant in Tenant.objects.order_by("pk"):
        try:
            with tenant_context(tenant):
                budget_use.tell()
        except (GroveError, DatabaseError):
            logger.exception(
                "Nobody could be told of budgets",
                extra={"action": "budgets_not_told", "tenant_slug": tenant.slug},
            )


@shared_task(name="workflows.tasks.chore_probe_idle")
def chore_probe_idle() -> None:
    """Try deployments that nobody called for a while. One tenant's trouble does not stop the others."""
    for tenant in Tenant.objects.filter(status=TenantStatus.ACTIVE).order_by("pk"):
        try:
            with tenant_context(tenant):
                probes.probe_all()
        except (GroveError, DatabaseError):
            logger.exception(
                "Deployments could not be probed",
                extra={"action": "not_probed", "tenant_slug": tenant.slug},
            )
