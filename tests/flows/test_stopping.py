"""A worker that is asked to stop: what runs comes to its end, what has not begun is handed back."""

import signal
from typing import TYPE_CHECKING

import pytest

from runs.models import NodeExecution, RunClaim, RunEvent, Worker
from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import (
    PATIENCE_SECONDS,
    finish,
    make_model_group,
    make_run,
    make_version,
    statuses,
    wait_until,
)
from tests.runs.scripted_model import ScriptedModel

if TYPE_CHECKING:
    from tests.stack import LiveStack

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def test_a_stop_spends_no_attempt(
    in_acme: Tenant, live_stack: "LiveStack", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(live_stack.env, "GROVE_NODE_THREADS", "1")
    with ScriptedModel(seconds=2) as model:
        make_model_group(model.base_url)
        worker = live_stack.start_worker(1)
        try:
            run = make_run(make_version(definitions.SIDE_BY_SIDE))
            wait_until(lambda: len(model.prompts) == 1)
            sides = NodeExecution.objects.filter(run=run, kind="llm", status="running")
            assert sides.count() == 2  # on record, both; there is one thread

            worker.process.send_signal(signal.SIGTERM)
            worker.process.wait(PATIENCE_SECONDS)

            begun = model.prompts[0]
            waiting = {"left": "right", "right": "left"}[begun]
            assert statuses(run)[begun] == "completed"
            row = NodeExecution.objects.get(run=run, node_id=waiting)
            assert (row.status, row.attempt, row.waits_for) == ("waiting", 1, {"kind": "worker"})
            claim = RunClaim.objects.get(run_id=run.pk)
            assert (claim.worker_id, claim.wanted, claim.losses) == (None, True, 0)
            assert not Worker.objects.exists()

            live_stack.start_worker(2)
            done = finish(run)
        finally:
            live_stack.stop_all()

    assert done.status == "completed"
    assert done.takeovers == 0
    assert sorted(model.prompts) == ["left", "right"]
    rows = NodeExecution.objects.filter(run=run)
    assert set(rows.values_list("attempt", "status")) == {(1, "completed")}
    told = RunEvent.objects.filter(run=run, node_id=waiting).order_by("seq")
    assert [name for name in told.values_list("name", flat=True) if name.startswith("node.")] == [
        "node.started",
        "node.waiting",
        "node.started",
        "node.completed",
    ]
