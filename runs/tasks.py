"""What Celery calls: hints, which may come twice or never."""

from uuid import UUID

from celery import shared_task

from runs import costs, here, selections, sweep
from tenancy.chores import for_each_tenant


@shared_task(name="runs.tasks.execute_run")
def execute_run(run_id: str) -> None:
    """A run waits. The executor claims whatever waits, this one among it."""
    here.wake()


@shared_task(name="runs.tasks.sweep_runs")
def sweep_runs() -> None:
    sweep.sweep()


@shared_task(name="runs.tasks.chore_add_up_costs")
def chore_add_up_costs() -> None:
    """Add up the costs of days that are over, tenant by tenant."""
    for_each_tenant(costs.roll)


@shared_task(name="runs.tasks.carry_out_selection")
def carry_out_selection(selection_id: str) -> None:
    """Cancel or resume the runs that somebody chose and confirmed, in the tenant of the message."""
    selections.carry_out(UUID(selection_id))


@shared_task(name="runs.tasks.chore_carry_out_selections")
def chore_carry_out_selections() -> None:
    """What is left of selections whose message or worker was lost."""
    for_each_tenant(selections.carry_out_rest)
