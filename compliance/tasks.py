"""Chores of this floor: a few lines around a verb. Each may run twice or not at all."""

from celery import shared_task

from compliance import disposal, secret_reminders
from tenancy.chores import for_each_tenant


@shared_task(name="compliance.tasks.chore_finish_disposals")
def chore_finish_disposals() -> None:
    """Complete what stopped between two databases, tenant by tenant."""
    for_each_tenant(disposal.finish_interrupted)


@shared_task(name="compliance.tasks.chore_remind_of_secrets")
def chore_remind_of_secrets() -> None:
    """Tell of secrets whose last day comes near, tenant by tenant."""
    for_each_tenant(secret_reminders.remind, only_active=True)
