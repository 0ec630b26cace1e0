"""Conditions on edges (row A3) and the early response of a run (row A5)."""

import threading
from typing import Any

import pytest

from runs import payloads
from runs.models import NodeExecution, Run, RunEvent
from tenancy.models import Tenant
from tests.runs.making import (
    PATIENCE_SECONDS,
    execute,
    make_model_group,
    make_run,
    running_executor,
    statuses,
    wait_until,
)
from tests.runs.scripted_model import ScriptedModel
from tests.runs.specs import llm, merge, publish, result, transform
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def edge(node: str, left: Any, op: str, right: Any) -> dict[str, Any]:
    return {"node": node, "when": {"left": left, "op": op, "right": right}}


def by_size() -> WorkflowVersion:
    return publish(
        transform("big", "{size: 'big'}", edge("start", "{{ start.n }}", ">", 10)),
        transform("after_big", "{size: big.size}", "big"),
        transform("small", "{size: 'small'}", edge("start", "{{ start.n }}", "<=", 10)),
        merge("joined", "after_big", "small"),
        result("{{ joined }}", "joined"),
    )


def test_an_edge_is_taken_when_its_comparison_holds(in_acme: Tenant) -> None:
    run = execute(make_run(by_size(), n=11))

    assert payloads.open_payload(run, "output_sealed") == {"after_big": {"size": "big"}}
    assert statuses(run)["small"] == "skipped"


def test_what_was_compared_is_kept_sealed_and_the_reason_in_clear(in_acme: Tenant) -> None:
    run = execute(make_run(by_size(), n=4711))

    row = NodeExecution.objects.get(run=run, node_id="small")
    assert row.skipped_because == {"node": "start", "when": False}
    assert payloads.open_payload(row, "output_sealed") == {
        "compared": {
            "op": "<=",
            "held": False,
            "left": {"written": "{{ start.n }}", "value": 4711},
            "right": {"written": 10, "value": 10},
        }
    }
    assert len(row.output_commitment) == 64
    event = RunEvent.objects.get(run=run, name="node.skipped", node_id="small")
    assert event.body == {"node": "start", "when": False}


def test_what_comes_after_a_skipped_node_says_so(in_acme: Tenant) -> None:
    run = execute(make_run(by_size(), n=1))

    row = NodeExecution.objects.get(run=run, node_id="after_big")
    assert row.skipped_because == {"node": "big", "skipped": True}
    assert row.output_sealed is None


def test_a_comparison_that_cannot_be_decided_fails_the_node_behind_it(in_acme: Tenant) -> None:
    version = publish(
        transform("big", "{size: 'big'}", edge("start", "{{ start.text }}", ">", 10)),
        result("{{ big }}", "big"),
    )
    run = execute(make_run(version, n=1, text="a word"))

    assert (run.status, run.error_code, run.error_node) == ("failed", "not_comparable", "big")
    row = NodeExecution.objects.get(run=run, node_id="big")
    assert (row.status, row.error_code) == ("failed", "not_comparable")
    assert row.started_at
    assert row.finished_at


def responding(**more: Any) -> WorkflowVersion:
    return publish(
        llm("quick", "quick", "start", respond_here=True, **more),
        llm("slow", "slow", "start"),
        merge("both", "quick", "slow"),
        result("{{ both.slow.text }}", "both"),
    )


def test_the_response_is_ready_before_a_slow_branch_ends(in_acme: Tenant) -> None:
    held = threading.Event()

    def script(prompt: str) -> str:
        if prompt == "slow":
            held.wait(PATIENCE_SECONDS)
        return f"{prompt} answer"

    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        run = make_run(responding())
        with running_executor():
            wait_until(lambda: Run.objects.get(pk=run.pk).response_at is not None)
            early = Run.objects.get(pk=run.pk)
            held.set()
            wait_until(lambda: Run.objects.get(pk=run.pk).is_terminal)

    assert (early.status, early.response_node) == ("running", "quick")
    assert payloads.open_payload(early, "response_sealed") == {"text": "quick answer"}
    assert early.output_sealed is None
    done = Run.objects.get(pk=run.pk)
    assert (done.status, done.response_at) == ("completed", early.response_at)
    assert payloads.open_payload(done, "output_sealed") == "slow answer"
    assert payloads.open_payload(done, "response_sealed") == {"text": "quick answer"}
    assert Run.objects.filter(version=run.version).count() == 1
    names = list(RunEvent.objects.filter(run=run).values_list("name", "node_id"))
    assert names.index(("response.ready", "quick")) < names.index(("node.completed", "slow"))
    assert names.count(("response.ready", "quick")) == 1


def test_the_first_response_counts(in_acme: Tenant) -> None:
    nodes = [
        transform("one", "{said: 'one'}", "start", respond_here=True),
        llm("two", "two", "one", respond_here=True),
        result("{{ two.text }}", "two"),
    ]
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(*nodes)))

    assert run.response_node == "one"
    assert payloads.open_payload(run, "response_sealed") == {"said": "one"}
    assert RunEvent.objects.filter(run=run, name="response.ready").count() == 1


def test_a_run_that_fails_later_keeps_its_response(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}") if prompt == "slow" else "fine") as model:
        make_model_group(model.base_url)
        run = execute(make_run(responding()))

    assert (run.status, run.error_node) == ("failed", "slow")
    assert payloads.open_payload(run, "response_sealed") == {"text": "fine"}


def test_what_failed_does_not_respond(in_acme: Tenant) -> None:
    failing = {"on_failure": "continue", "fallback": {"text": "nothing"}}
    with ScriptedModel(lambda prompt: (400, "{}") if prompt == "quick" else "fine") as model:
        make_model_group(model.base_url)
        run = execute(make_run(responding(**failing)))

    assert run.status == "completed_with_non_critical_errors"
    assert (run.response_at, run.response_node) == (None, "")
