"""Chores of this floor: a few lines around a verb. Each may run twice or not at all."""

import logging
from uuid import UUID

from celery import shared_task

from tenancy.chores import for_each_tenant
from tenancy.context import current_tenant
from workflows import budget_use, stores
from workflows.providers import probes, trial_rounds

logger = logging.getLogger(__name__)


@shared_task(name="workflows.tasks.chore_sweep_stores")
def chore_sweep_stores() -> None:
    """Clear away files that no row names, tenant by tenant."""
    for_each_tenant(_sweep_stores)


def _sweep_stores() -> None:
    removed, slug = stores.sweep(), current_tenant().slug
    if removed:
        logger.info(
            "Files without a row were removed",
            extra={"action": "stores_swept", "count": removed, "tenant_slug": slug},
        )


@shared_task(name="workflows.tasks.chore_tell_of_budgets")
def chore_tell_of_budgets() -> None:
    """Raise alerts for budgets that have reached a threshold."""
    for_each_tenant(budget_use.tell)


@shared_task(name="workflows.tasks.chore_probe_idle")
def chore_probe_idle() -> None:
    """Try deployments that nobody called for a while."""
    for_each_tenant(probes.probe_all, only_active=True)


@shared_task(name="workflows.tasks.carry_out_trial")
def carry_out_trial(call_id: str) -> None:
    """Make one call of a round of tests, in the tenant of the message."""
    trial_rounds.carry_out(UUID(call_id))


@shared_task(name="workflows.tasks.chore_carry_out_trials")
def chore_carry_out_trials() -> None:
    """What is left of rounds of tests whose messages or workers were lost."""
    for_each_tenant(trial_rounds.carry_out_rest, only_active=True)
