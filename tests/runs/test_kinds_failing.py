"""What a node says of its failures: tried again, given up in time, gone on after (row A6)."""

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from runs import payloads
from runs.models import ModelCall, NodeExecution, Run, RunEvent, ToolCall
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
from tests.runs.scripted_host import ScriptedHost
from tests.runs.scripted_model import Answer, ScriptedModel
from tests.runs.specs import delay, for_each, llm, merge, publish, result, transform
from tests.runs.test_tool_calls import make_destination

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

BROKEN = (500, "{}")  # model_server: may go away by itself
REFUSED = (400, "{}")  # model_bad_request: will not


def in_turn(*answers: Answer) -> Callable[[str], Answer]:
    """One answer after the other; the last one for ever."""
    left = list(answers)
    return lambda _prompt: left.pop(0) if len(left) > 1 else left[0]


def attempts_of(run: Run, node_id: str) -> list[tuple[int, str, str]]:
    rows = NodeExecution.objects.filter(run=run, node_id=node_id).order_by("attempt")
    return list(rows.values_list("attempt", "status", "error_code"))


def events_of(run: Run, *names: str) -> list[tuple[str, str]]:
    rows = RunEvent.objects.filter(run=run).order_by("seq")
    rows = rows.filter(name__in=names) if names else rows
    return list(rows.values_list("name", "node_id"))


def output_of(run: Run) -> Any:
    return payloads.open_payload(Run.objects.get(pk=run.pk), "output_sealed")


def test_a_flaky_node_succeeds_on_its_third_attempt(in_acme: Tenant) -> None:
    asked = llm("ask", "hello", "start", retry={"attempts": 3, "wait_seconds": 0.1})
    with ScriptedModel(in_turn(BROKEN, BROKEN, "at last")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(asked, result("{{ ask.text }}", "ask"))))

    assert (run.status, output_of(run)) == ("completed", "at last")
    assert attempts_of(run, "ask") == [
        (1, "failed", "model_server"),
        (2, "failed", "model_server"),
        (3, "completed", ""),
    ]
    rows = list(NodeExecution.objects.filter(run=run, node_id="ask").order_by("attempt"))
    assert all(row.started_at and row.finished_at and row.worker for row in rows)
    assert all(row.due_at is None and row.waits_for is None for row in rows)
    assert all(
        before.finished_at <= after.started_at  # type: ignore[operator]
        for before, after in pairwise(rows)
    )
    assert list(ModelCall.objects.filter(run=run).values_list("attempt", flat=True)) == [1, 2, 3]
    assert events_of(run, "node.started", "node.failed", "node.waiting", "node.completed") == [
        ("node.started", "start"),
        ("node.completed", "start"),
        *[("node.started", "ask"), ("node.failed", "ask"), ("node.waiting", "ask")] * 2,
        ("node.started", "ask"),
        ("node.completed", "ask"),
        ("node.started", "result"),
        ("node.completed", "result"),
    ]


def test_attempts_come_to_an_end(in_acme: Tenant) -> None:
    asked = llm("ask", "hello", "start", retry={"attempts": 2, "wait_seconds": 0.05})
    with ScriptedModel(in_turn(BROKEN)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(asked, result("{{ ask.text }}", "ask"))))

    assert (run.status, run.error_code, run.error_node) == ("failed", "model_server", "ask")
    assert attempts_of(run, "ask") == [(1, "failed", "model_server"), (2, "failed", "model_server")]
    assert len(model.prompts) == 2


def test_without_a_rule_for_it_a_failure_is_not_tried_again(in_acme: Tenant) -> None:
    asked = llm("ask", "hello", "start", retry={"attempts": 3, "wait_seconds": 0})
    with ScriptedModel(in_turn(REFUSED)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(asked, result("{{ ask.text }}", "ask"))))

    assert (run.status, run.error_code) == ("failed", "model_bad_request")
    assert len(model.prompts) == 1


def test_the_first_rule_that_names_the_failure_holds(in_acme: Tenant) -> None:
    rules = [
        {"on": ["model_bad_request"], "attempts": 2, "wait_seconds": 0},
        {"on": ["model_server"], "attempts": 4, "wait_seconds": 0},
    ]
    asked = llm("ask", "hello", "start", retry=rules)
    with ScriptedModel(in_turn(REFUSED, BROKEN, REFUSED)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(asked, result("{{ ask.text }}", "ask"))))

    assert run.status == "failed"
    assert [code for _, _, code in attempts_of(run, "ask")] == [
        "model_bad_request",
        "model_server",
        "model_bad_request",  # the third attempt is more than its own rule allows
    ]


def test_while_one_node_waits_for_its_next_attempt_the_others_go_on(in_acme: Tenant) -> None:
    flaky = llm("flaky", "flaky", "start", retry={"attempts": 2, "wait_seconds": 60})
    script = {"flaky": in_turn(BROKEN, "fine"), "other": in_turn("fine")}
    with ScriptedModel(lambda prompt: script[prompt](prompt)) as model:
        make_model_group(model.base_url)
        other, both = llm("other", "other", "start"), merge("both", "flaky", "other")
        version = publish(flaky, other, both, result("{{ both }}", "both"))
        run = make_run(version)
        with running_executor():
            wait_until(lambda: Run.objects.get(pk=run.pk).status == "waiting")

            assert statuses(run)["other"] == "completed"
            waiting = NodeExecution.objects.get(run=run, node_id="flaky", attempt=2)
            assert (waiting.status, waiting.waits_for) == ("waiting", {"kind": "retry"})
            assert waiting.due_at
            assert waiting.started_at is None


def test_what_takes_too_long_is_given_up_and_what_it_brings_is_late(in_acme: Tenant) -> None:
    # A model call bounds itself: so it stands in a container, which is bounded from outside.
    body, bound = [llm("slow", "slow")], {"items": [1], "timeout_seconds": 0.3}
    each = for_each("each", body, "{{ slow.text }}", "start", **bound)
    with ScriptedModel(seconds=1) as model:
        make_model_group(model.base_url)
        run = make_run(publish(each, result("{{ each.items }}", "each")))
        with running_executor():
            wait_until(lambda: Run.objects.get(pk=run.pk).is_terminal)
            took = Run.objects.get(pk=run.pk)
            wait_until(lambda: ModelCall.objects.get(run=run).status == "late")

    assert (took.status, took.error_code, took.error_node) == ("failed", "timeout", "each")
    assert statuses(run)["each[0].slow"] == "cancelled"
    assert took.finished_at
    assert took.started_at
    assert (took.finished_at - took.started_at).total_seconds() < 0.9
    late = ModelCall.objects.get(run=run)
    assert late.tokens_out == 5
    assert NodeExecution.objects.get(run=run, node_id="each[0].slow").output_sealed is None


def test_a_node_that_was_given_up_is_tried_again_and_the_late_result_is_not_used(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, tries = threading.Event(), []

    def run_slowly(_ctx: Any, _config: Any, _inputs: Any) -> Any:
        from workflows.nodes import Result

        tries.append(1)
        number = len(tries)
        if number == 1:
            held.wait(PATIENCE_SECONDS)
        return Result(output={"try": number})

    _replace_kind(monkeypatch, "transform", run=run_slowly, pure=False)
    it = transform("it", "start", "start", timeout_seconds=0.2, retry={"wait_seconds": 0})
    run = make_run(publish(it, result("{{ it }}", "it")))
    with running_executor():
        wait_until(lambda: Run.objects.get(pk=run.pk).is_terminal)
        held.set()

    assert attempts_of(run, "it") == [(1, "failed", "timeout"), (2, "completed", "")]
    first = NodeExecution.objects.get(run=run, node_id="it", attempt=1)
    assert first.error_sentence == "Node “it” took longer than 0.2 seconds."
    assert output_of(run) == {"try": 2}


def test_an_attempt_that_was_given_up_makes_no_further_call(in_acme: Tenant) -> None:
    code = "http_request(url=url)\nhttp_request(url=url)\n1"
    with ScriptedHost(seconds=0.8) as host:
        make_destination(host)
        inputs = {"url": host.url + "/{{ start.n }}"}
        it = {"id": "it", "kind": "code", "after": ["start"], "code": code, "inputs": inputs}
        it |= {"may_call": ["http_request"], "timeout_seconds": 0.3}
        run = make_run(publish(it, result("{{ it }}", "it")))
        with running_executor():
            wait_until(lambda: Run.objects.get(pk=run.pk).is_terminal)
            wait_until(lambda: ToolCall.objects.get(run=run).status == "late")

    assert Run.objects.get(pk=run.pk).error_code == "timeout"
    assert len(host.asked) == 1


def _replace_kind(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    from dataclasses import replace

    from runs import door, turn

    changed = {**turn.KINDS, name: replace(turn.KINDS[name], **changes)}
    monkeypatch.setattr(turn, "KINDS", changed)
    monkeypatch.setattr(door, "KINDS", changed)


def test_a_run_goes_on_after_a_failure_with_what_the_node_falls_back_to(in_acme: Tenant) -> None:
    asked = llm("ask", "hello", "start", on_failure="continue", fallback={"text": "nothing"})
    with ScriptedModel(in_turn(REFUSED)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(asked, result("said: {{ ask.text }}", "ask"))))

    assert run.status == "completed_with_non_critical_errors"
    assert (run.error_code, run.error_node) == ("", "")
    assert output_of(run) == "said: nothing"
    assert statuses(run)["ask"] == "failed"
    assert run.nodes_done == run.nodes_total == 3
    assert events_of(run)[-2:] == [("run.completed", ""), ("end", "")]
    end = RunEvent.objects.get(run=run, name="end")
    assert end.body["status"] == "completed_with_non_critical_errors"


def test_without_a_fallback_what_follows_reads_null(in_acme: Tenant) -> None:
    asked = llm("ask", "hello", "start", on_failure="continue")
    with ScriptedModel(in_turn(REFUSED)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(asked, result({"said": "{{ ask }}"}, "ask"))))

    assert (run.status, output_of(run)) == ("completed_with_non_critical_errors", {"said": None})


def route(*after: str, **more: Any) -> list[dict[str, Any]]:
    return [
        llm("ask", "hello", *after, on_failure="route", **more),
        transform("well", "{said: ask.text}", "ask"),
        transform("ill", "{code: ask.code, told: ask.sentence}", "ask:failed"),
        merge("joined", "well", "ill"),
        result("{{ joined }}", "joined"),
    ]


def test_a_failure_takes_its_own_branch(in_acme: Tenant) -> None:
    with ScriptedModel(in_turn(REFUSED)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(*route("start"))))

    assert run.status == "completed_with_non_critical_errors"
    assert statuses(run) == {
        "start": "completed",
        "ask": "failed",
        "well": "skipped",
        "ill": "completed",
        "joined": "completed",
        "result": "completed",
    }
    told = output_of(run)["ill"]
    assert told["code"] == "model_bad_request"
    assert "HTTP 400" in told["told"]
    skipped = NodeExecution.objects.get(run=run, node_id="well")
    assert skipped.skipped_because == {"node": "ask", "needed": None, "taken": "failed"}


def test_a_success_does_not_take_the_branch_of_failures(in_acme: Tenant) -> None:
    with ScriptedModel(in_turn("fine")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(*route("start"))))

    assert run.status == "completed"
    assert statuses(run)["ill"] == "skipped"
    assert output_of(run) == {"well": {"said": "fine"}}


def test_a_merge_does_not_take_what_came_by_a_dead_edge(in_acme: Tenant) -> None:
    nodes = [
        llm("ask", "hello", "start", on_failure="route"),
        transform("instead", "{text: 'instead'}", "ask:failed"),
        merge("joined", "ask", "instead", mode="first"),
        result("{{ joined.text }}", "joined"),
    ]
    with ScriptedModel(in_turn(REFUSED)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(*nodes)))

    assert output_of(run) == "instead"


def test_a_failed_run_ends_what_waits_beside_the_failure(in_acme: Tenant) -> None:
    nodes = [
        llm("ask", "hello", "start"),
        delay("rest", 60, "start"),
        merge("both", "ask", "rest"),
        result("{{ both }}", "both"),
    ]
    with ScriptedModel(in_turn(REFUSED), seconds=0.1) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(*nodes)))

    assert (run.status, run.error_node) == ("failed", "ask")
    rest = NodeExecution.objects.get(run=run, node_id="rest")
    assert (rest.status, rest.error_code) == ("cancelled", "run_failed")
    assert rest.finished_at
    assert (rest.waits_for, rest.due_at) == (None, None)
