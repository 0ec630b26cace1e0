"""Chores of this floor: a few lines around a verb. Each may run twice or not at all."""

import logging

from celery import shared_task

from compliance import disposal, secret_reminders
from tenancy.context import tenant_context
from tenancy.errors import GroveError
from tenancy.models import Tenant, TenantStatus

logger = logging.getLogger(__name__)


@shared_task(name="compliance.tasks.chore_finish_disposals")
def chore_finish_disposals() -> None:
    """Complete what stopped between two databases, tenant by tenant."""
    for tenant in Tenant.objects.all():
        with tenant_context(tenant):
            disposal.finish_interrupted()


@shared_task(name="compliance.tasks.chore_remind_of_secrets")
def chore_remind_of_secrets() -> None:
    """Tell of secrets whose last day comes near, tenant by tenant. One that cannot be read keeps no other waiting."""
    for tenant in Tenant.objects.filter(status=TenantStatus.ACTIVE):
        try:
            with tenant_context(tenant):
                secret_reminders.remind()
        except GroveError:
            logger.exception("Secrets of a tenant could not be looked at")
