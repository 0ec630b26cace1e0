"""What tests of running need: a published workflow, a model group that leads to a server of the test's, an executor."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.utils.timezone import now

from compliance import policies
from compliance.labels import DataClass
from runs import start
from runs.executor import Executor
from runs.models import Decision, NodeExecution, Run, RunClaim
from tenancy import actors
from workflows import definitions, model_groups, versions
from workflows.models import Deployment, WorkflowVersion
from workflows.providers import register

INSIDE = {
    "egress": "internal",
    "region": "eu",
    "baa": True,
    "dpa": True,
    "zero_retention": True,
    "trains_on_data": False,
}
_numbers = itertools.count(1)

PATIENCE_SECONDS = 180  # with what hangs; on a machine with other work, workers begin late


def make_version(text: str) -> WorkflowVersion:
    """Publish a definition under a name that no other test uses; {name} in the text is replaced."""
    policies.install_defaults(by=actors.SYSTEM)
    text = text.format(name=f"test-{next(_numbers)}")
    revision = definitions.import_definition(text=text, by=actors.SYSTEM)
    version = versions.create(revision=revision, by=actors.SYSTEM)
    versions.publish(version=version, by=actors.SYSTEM, reason="For a test.")
    return WorkflowVersion.objects.select_related("workflow", "revision").get(pk=version.pk)


def make_model_group(base_url: str, *more: str, name: str = "default") -> None:
    """A model group whose deployments are the servers at these addresses, in this order, at a price of zero."""
    deployments = [make_deployment(url) for url in (base_url, *more)]
    model_groups.create(name=name, deployments=deployments, by=actors.SYSTEM)


def make_deployment(base_url: str, *, price: int | None = 0, **facts: Any) -> Deployment:
    """A server inside the walls that may see everything; its price in micro-units per million tokens."""
    name = f"server-{next(_numbers)}"
    provider = register.create_provider(
        name=name, base_url=base_url, by=actors.SYSTEM, **(INSIDE | facts)
    )
    deployment = register.create_deployment(
        provider=provider,
        name=name,
        model="scripted",
        clearance=DataClass.RESTRICTED,
        by=actors.SYSTEM,
    )
    if price is not None:
        register.set_price(
            deployment=deployment,
            input_micros_per_million=price,
            output_micros_per_million=price,
            by=actors.SYSTEM,
        )
    return deployment


def make_run(version: WorkflowVersion, **run_input: Any) -> Run:
    return start.start(version=version, run_input=run_input or {"n": 1}, by=actors.SYSTEM)


def make_decision(run: Run, *, verdict: str = "allow", **fields: Any) -> Decision:
    """What a policy said about a call of this run's node `one`."""
    usual = {
        "node_id": "one",
        "attempt": 1,
        "action_kind": "model_call",
        "resource_kind": "deployment",
        "resource_id": "small",
        "action": {},
        "action_digest": "0" * 64,
        "facts": {},
        "snapshot_id": run.snapshot_id,
        "engine_us": 1,
        "at": now(),
    }
    decision: Decision = Decision.objects.create(run=run, verdict=verdict, **(usual | fields))
    return decision


@contextmanager
def running_executor(**options: int) -> Iterator[Executor]:
    """An executor in this process; stopped in good order."""
    executor = Executor(**options)
    executor.start()
    try:
        yield executor
    finally:
        executor.stop()


def finish(run: Run, *, seconds: float = PATIENCE_SECONDS) -> Run:
    """Wait until the run has ended, with an executor of this process unless one runs already."""
    deadline = time.monotonic() + seconds
    while not Run.objects.get(pk=run.pk).is_terminal:
        assert time.monotonic() < deadline, (
            f"{Run.objects.get(pk=run.pk).status}, nodes {statuses(run)}, "
            f"claim {RunClaim.objects.filter(run_id=run.pk).values()}"
        )
        time.sleep(0.01)
    return Run.objects.get(pk=run.pk)


def execute(run: Run, *, seconds: float = PATIENCE_SECONDS) -> Run:
    """Run it here, to its end."""
    with running_executor():
        return finish(run, seconds=seconds)


def statuses(run: Run) -> dict[str, str]:
    """The state of each node: that of its last attempt."""
    rows = NodeExecution.objects.filter(run=run).order_by("attempt")
    return dict(rows.values_list("node_id", "status"))


def wait_until(true: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def in_threads(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Call `act` in so many threads at once; what each returned or raised."""
    from threading import Barrier, Thread

    results: list[Any] = [None] * count
    barrier = Barrier(count)

    def one(number: int) -> None:
        barrier.wait()
        try:
            results[number] = act(number)
        except Exception as error:  # noqa: BLE001 - what was raised is the result
            results[number] = error
        finally:
            connections.close_all()

    threads = [Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
