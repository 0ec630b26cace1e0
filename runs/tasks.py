"""What Celery calls: hints, which may come twice or never."""

from celery import shared_task

from runs import executor, sweep


@shared_task(name="runs.tasks.execute_run")
def execute_run(run_id: str) -> None:
    """A run waits. The executor claims whatever waits, this one among it."""
    executor.wake_here()


@shared_task(name="runs.tasks.sweep_runs")
def sweep_runs() -> None:
    sweep.sweep()
