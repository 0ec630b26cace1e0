"""A worker dies at any instant; its runs are found and go on, and nothing that was finished runs twice."""

import os
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from runs.models import NodeExecution, Run, RunClaim, Worker
from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import finish, make_model_group, make_run, make_version, wait_until
from tests.runs.scripted_model import ScriptedModel

if TYPE_CHECKING:
    from tests.stack import LiveStack

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def _kill_the_worker_of(run: Run) -> None:
    claim = RunClaim.objects.get(run_id=run.pk)
    os.kill(Worker.objects.get(pk=claim.worker_id).pid, signal.SIGKILL)


def test_a_run_survives_the_death_of_its_worker_in_the_middle_of_a_node(
    in_acme: Tenant, live_stack: "LiveStack"
) -> None:
    with ScriptedModel(seconds=1) as model:
        make_model_group(model.base_url)
        live_stack.start_worker(1)
        live_stack.start_worker(2)
        try:
            run = make_run(make_version(definitions.TALK))
            wait_until(lambda: len(model.prompts) == 2)  # the first is done, the second under way

            _kill_the_worker_of(run)
            done = finish(run)
        finally:
            live_stack.stop_all()

    assert done.status == "completed"
    asked = Counter(prompt.split()[0] for prompt in model.prompts)
    assert asked == {"ask": 1, "again": 2}  # what was finished is not asked again
    attempts = NodeExecution.objects.filter(run=run, node_id="again").order_by("attempt")
    assert list(attempts.values_list("status", "error_code")) == [
        ("failed", "worker_lost"),
        ("completed", ""),
    ]


def test_a_run_survives_the_death_of_its_worker_between_two_nodes(
    in_acme: Tenant, live_stack: "LiveStack"
) -> None:
    with ScriptedModel(seconds=0.4) as model:
        make_model_group(model.base_url)
        live_stack.start_worker(1)
        live_stack.start_worker(2)
        try:
            run = make_run(make_version(definitions.TALK))
            ask = NodeExecution.objects.filter(run=run, node_id="ask", status="completed")
            wait_until(ask.exists)

            _kill_the_worker_of(run)
            done = finish(run)
        finally:
            live_stack.stop_all()

    assert done.status == "completed"
    assert Counter(prompt.split()[0] for prompt in model.prompts)["ask"] == 1
    assert done.takeovers >= 1


def test_a_run_whose_only_worker_died_waits_for_the_next_one(
    in_acme: Tenant, live_stack: "LiveStack"
) -> None:
    with ScriptedModel(seconds=0.5) as model:
        make_model_group(model.base_url)
        live_stack.start_worker(1)
        try:
            run = make_run(make_version(definitions.TALK))
            wait_until(lambda: len(model.prompts) == 1)
            _kill_the_worker_of(run)

            live_stack.start_worker(2)
            done = finish(run)
        finally:
            live_stack.stop_all()

    assert done.status == "completed"
