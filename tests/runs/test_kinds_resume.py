"""Runs that go on: after a failure, and with another worker, whatever their nodes wait for."""

import json
from collections import Counter
from typing import Any

import pytest

from runs import payloads, resume, waits
from runs.models import NodeExecution, Run, RunClaim, Wait
from tenancy import actors
from tenancy.actors import Actor
from tenancy.models import Tenant
from tests.runs.making import (
    execute,
    finish,
    make_model_group,
    make_run,
    running_executor,
    statuses,
    wait_until,
)
from tests.runs.scripted_model import Answer, ScriptedModel
from tests.runs.specs import (
    approval,
    callback,
    delay,
    for_each,
    llm,
    merge,
    publish,
    refine,
    result,
    sub_workflow,
)

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ROB = Actor(kind="user", id="rob", name="Rob")
REFUSED = (400, "{}")


class Model:
    """Refuses the prompts that begin with these words, until it is mended."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad

    def __call__(self, prompt: str) -> Answer:
        if any(prompt.startswith(word) for word in self.bad):
            return REFUSED
        return json.dumps({"good": True}) if prompt.startswith("judge") else f"made {prompt}"

    def mend(self) -> None:
        self.bad = ()


def output_of(run: Run) -> Any:
    return payloads.open_payload(Run.objects.get(pk=run.pk), "output_sealed")


def attempts_of(run: Run, node_id: str) -> list[tuple[int, str]]:
    rows = NodeExecution.objects.filter(run=run, node_id=node_id).order_by("attempt")
    return list(rows.values_list("attempt", "status"))


def again(run: Run) -> Run:
    resume.resume(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
    return execute(run)


# -- after a failure --------------------------------------------------------------------------------------------------


def test_finished_entries_are_kept_and_failed_ones_tried_again(in_acme: Tenant) -> None:
    body = [llm("read", "read {{ item }}"), llm("sum", "sum {{ item }}", "read")]
    looped = for_each("each", body, "{{ sum.text }}", "start", width=1, failures=1)
    with ScriptedModel(script := Model("sum b", "sum d")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(looped, result("{{ each }}", "each")), items=list("abcde")))
        assert run.status == "failed"
        script.mend()
        done = again(run)

    assert done.status == "completed"
    assert output_of(run)["items"] == [f"made sum {letter}" for letter in "abcde"]
    asked = Counter(model.prompts)
    assert {prompt for prompt, times in asked.items() if times > 1} == {"sum b", "sum d"}
    assert attempts_of(run, "each") == [(1, "failed"), (2, "completed")]
    assert attempts_of(run, "each[1].sum") == [(1, "failed"), (2, "completed")]
    assert attempts_of(run, "each[0].sum") == [(1, "completed")]


def test_failed_entries_are_tried_again_though_the_worker_changes_on_the_way(
    in_acme: Tenant,
) -> None:
    body = [llm("read", "read {{ item }}"), delay("rest", 3, "read")]
    looped = for_each("each", body, "{{ read.text }}", "start", width=1, failures=1)
    with ScriptedModel(script := Model("read c", "read d")) as model:
        make_model_group(model.base_url)
        version = publish(looped | {"width": 4}, result("{{ each.items }}", "each"))
        run = execute(make_run(version, items=list("abcdef")))
        assert run.status == "failed"
        script.mend()
        resume.resume(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
        with running_executor() as executor:
            wait_until(lambda: Run.objects.get(pk=run.pk).status == "waiting" and executor.is_idle)
        done = execute(run)

    assert (done.status, output_of(run)) == ("completed", [f"made read {x}" for x in "abcdef"])


def test_finished_rounds_are_kept(in_acme: Tenant) -> None:
    drafted, judged = llm("draft", "draft {{ round }}"), llm("judge", "second {{ round }}", "draft")
    accept = {"left": "{{ round }}", "op": ">=", "right": 2}
    improve = refine("improve", [drafted, judged], "start", accept=accept, value="{{ judge.text }}")
    with ScriptedModel(script := Model("second 2")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(improve, result("{{ improve.value }}", "improve"))))
        assert run.status == "failed"
        script.mend()
        done = again(run)

    assert (done.status, output_of(run)) == ("completed", "made second 2")
    assert Counter(model.prompts) == {"draft 1": 1, "second 1": 1, "draft 2": 1, "second 2": 2}


def test_a_refinement_that_was_exhausted_begins_anew(in_acme: Tenant) -> None:
    good = {"left": "{{ draft.text }}", "op": "==", "right": "good"}
    improve = refine(
        "improve", [llm("draft", "draft")], "start", accept=good, value="{{ draft.text }}", rounds=2
    )
    answers = ["bad", "bad", "bad", "good"]
    with ScriptedModel(lambda prompt: answers.pop(0)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(improve, result("{{ improve.rounds }}", "improve"))))
        assert run.error_code == "refine_exhausted"
        done = again(run)

    assert (done.status, output_of(run)) == ("completed", 2)
    assert attempts_of(run, "improve[1].draft") == [(1, "completed"), (2, "completed")]


def test_finished_child_runs_are_kept_and_failed_ones_go_on(in_acme: Tenant) -> None:
    body = [llm("read", "read {{ item }}"), llm("sum", "sum {{ item }}", "read")]
    one_by_one = {"children_above": 0, "failures": 1, "width": 1}
    looped = for_each("each", body, "{{ sum.text }}", "start", **one_by_one)
    with ScriptedModel(script := Model("sum b", "sum c")) as model:
        make_model_group(model.base_url)
        version = publish(looped, result("{{ each.items }}", "each"))
        run = execute(make_run(version, items=list("abc")))
        assert run.status == "failed"
        script.mend()
        done = again(run)

    assert (done.status, output_of(run)) == ("completed", [f"made sum {x}" for x in "abc"])
    asked = Counter(model.prompts)
    assert {prompt for prompt, times in asked.items() if times > 1} == {"sum b", "sum c"}
    children = Run.objects.filter(parent_run=run)
    assert sorted(children.values_list("parent_attempt", "status")) == [
        (1, "completed"),
        (2, "completed"),
        (2, "completed"),
    ]


def test_what_the_run_went_on_after_is_not_tried_again(in_acme: Tenant) -> None:
    nodes = [
        llm("aside", "aside", "start", on_failure="continue", fallback={"text": "none"}),
        llm("main", "main {{ aside.text }}", "aside"),
        result("{{ main.text }}", "main"),
    ]
    with ScriptedModel(script := Model("aside", "main")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(*nodes)))
        assert (run.status, run.error_node) == ("failed", "main")
        script.mend()
        done = again(run)

    assert (done.status, output_of(run)) == (
        "completed_with_non_critical_errors",
        "made main none",
    )
    assert attempts_of(run, "aside") == [(1, "failed")]


@pytest.mark.parametrize(
    "waiting",
    [delay("wait", 600, "start"), approval("wait", "start"), callback("wait", "start")],
    ids=lambda node: node["kind"],
)
def test_what_was_ended_with_the_run_waits_anew(in_acme: Tenant, waiting: dict[str, Any]) -> None:
    nodes = [
        waiting,
        llm("main", "main", "start"),
        merge("both", "wait", "main"),
        result("{{ both }}", "both"),
    ]
    with ScriptedModel(script := Model("main"), seconds=0.1) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(*nodes)))
        assert statuses(run)["wait"] == "cancelled"
        script.mend()
        resume.resume(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
        with running_executor() as executor:
            wait_until(lambda: Run.objects.get(pk=run.pk).status == "waiting" and executor.is_idle)

    assert attempts_of(run, "wait") == [(1, "cancelled"), (2, "waiting")]
    assert attempts_of(run, "main") == [(1, "failed"), (2, "completed")]
    asked = Wait.objects.filter(run=run).order_by("attempt")
    if waiting["kind"] != "delay":
        assert [wait.is_open for wait in asked] == [False, True]


# -- with another worker ----------------------------------------------------------------------------------------------


def stop_once(run: Run, while_: str) -> None:
    """Run until that node waits, and stop the worker in good order."""
    with running_executor():
        wait_until(lambda: statuses(run).get(while_) == "waiting")
    assert RunClaim.objects.get(run_id=run.pk).worker_id is None


def test_another_worker_waits_for_the_next_attempt(in_acme: Tenant) -> None:
    asked: list[str] = []

    def script(prompt: str) -> Answer:
        asked.append(prompt)
        return (500, "{}") if len(asked) < 3 else "fine"

    flaky = llm("ask", "ask", "start", retry={"attempts": 3, "wait_seconds": 0.9})
    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        run = make_run(publish(flaky, result("{{ ask.text }}", "ask")))
        stop_once(run, while_="ask")
        done = execute(run)

    assert done.status == "completed"
    assert attempts_of(run, "ask") == [(1, "failed"), (2, "failed"), (3, "completed")]


@pytest.mark.parametrize("inside", [False, True], ids=["in_the_run", "in_a_body"])
def test_another_worker_waits_for_the_rest_of_a_delay(in_acme: Tenant, inside: bool) -> None:
    rest = delay("rest", 1.5, *([] if inside else ["start"]))
    if inside:
        looped = for_each("each", [rest], "{{ index }}", "start", items=[1, 2, 3])
        run = make_run(publish(looped, result("{{ each.items }}", "each")))
    else:
        run = make_run(publish(rest, result("x", "rest")))
    path = "each[1].rest" if inside else "rest"
    stop_once(run, while_=path)
    due = NodeExecution.objects.get(run=run, node_id=path).due_at
    done = execute(run)

    row = NodeExecution.objects.get(run=run, node_id=path)
    assert done.status == "completed"
    assert row.attempt == 1
    assert due
    assert row.finished_at
    assert 0 <= (row.finished_at - due).total_seconds() < 5


def test_another_worker_takes_the_decision(in_acme: Tenant) -> None:
    nodes = [
        approval("check", "start"),
        llm("main", "main", "start"),
        merge("both", "check", "main"),
        result("{{ both.check.verdict }}", "both"),
    ]
    with ScriptedModel(Model()) as model:
        make_model_group(model.base_url)
        run = make_run(publish(*nodes))
        stop_once(run, while_="check")
        wait = Wait.objects.get(run=run)
        waits.decide(wait=wait, verdict="approved", reason="", by=ROB, role="reviewer")
        done = execute(run)

    assert (done.status, output_of(run)) == ("completed", "approved")
    assert attempts_of(run, "check") == [(1, "completed")]


def test_another_worker_waits_for_the_children(in_acme: Tenant) -> None:
    with ScriptedModel(Model(), seconds=0.2) as model:
        make_model_group(model.base_url)
        low = publish(llm("ask", "ask", "start"), result("{{ ask.text }}", "ask"))
        body = [sub_workflow("low", low)]
        looped = for_each("each", body, "{{ low }}", "start", children_above=0, width=3)
        run = make_run(publish(looped, result("{{ each.items }}", "each")), items=list(range(9)))
        for number in (2, 5):
            with running_executor():
                done = Run.objects.filter(parent_run=run, status="completed")
                wait_until(lambda: done.count() >= number)  # noqa: B023
        finished = execute(run)

    assert (finished.status, output_of(run)) == ("completed", ["made ask"] * 9)
    tree = Run.objects.filter(root_run=run)
    assert tree.count() == 18
    completed = NodeExecution.objects.filter(run__in=tree, status="completed")
    assert completed.values("run", "node_id").distinct().count() == completed.count()


def test_a_run_that_went_on_after_a_failure_says_so_also_with_another_worker(
    in_acme: Tenant,
) -> None:
    body = [llm("read", "read {{ item }}")]
    nodes = [
        for_each("each", body, "{{ read.text }}", "start", failures=1),
        delay("rest", 1.2, "each"),
        result("{{ each.items }}", "rest"),
    ]
    with ScriptedModel(Model("read b")) as model:
        make_model_group(model.base_url)
        run = make_run(publish(*nodes), items=list("ab"))
        stop_once(run, while_="rest")
        done = execute(run)

    assert done.status == "completed_with_non_critical_errors"


def test_two_workers_share_a_tree(in_acme: Tenant) -> None:
    with ScriptedModel(Model(), seconds=0.1) as model:
        make_model_group(model.base_url)
        body = [llm("read", "read {{ item }}")]
        looped = for_each("each", body, "{{ read.text }}", "start", children_above=0, width=8)
        run = make_run(publish(looped, result("{{ each.items }}", "each")), items=list(range(24)))
        with running_executor(run_slots=3), running_executor(run_slots=3):
            done = finish(run)

    assert done.status == "completed"
    assert len(model.prompts) == 24
    rows = NodeExecution.objects.filter(run__root_run=run, node_id="read")
    assert len(set(rows.values_list("worker", flat=True))) == 2
