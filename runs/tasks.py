"""What Celery calls: hints, which may come twice or never."""

from celery import shared_task

from runs import costs, here, sweep
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
