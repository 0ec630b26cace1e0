"""Runs that are started by runs: sub_workflow, and for_each over many entries (rows A2 and C6)."""

import json
import threading
import time
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, transaction

from compliance.labels import Labels
from runs import cancel, claims, payloads, resume
from runs.errors import RunNotResumable
from runs.models import ModelCall, NodeExecution, Run, RunClaim, RunEvent, RunFacts, Worker
from tenancy import actors, quotas
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.quotas import Limits
from tests.runs.making import (
    PATIENCE_SECONDS,
    execute,
    finish,
    in_threads,
    make_model_group,
    make_run,
    running_executor,
    statuses,
    wait_until,
)
from tests.runs.scripted_model import Answer, ScriptedModel
from tests.runs.specs import delay, for_each, llm, merge, publish, result, sub_workflow, transform
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

REFUSED = (400, "{}")


def output_of(run: Run) -> Any:
    return payloads.open_payload(Run.objects.get(pk=run.pk), "output_sealed")


def children_of(run: Run) -> list[Run]:
    return list(Run.objects.filter(parent_run=run).order_by("id"))


def three_levels() -> WorkflowVersion:
    """A run that starts one that starts one that asks a model."""
    low = publish(llm("ask", "ask {{ start.n }}", "start"), result("{{ ask.text }}", "ask"))
    calls_low = sub_workflow("low", low, "start", input={"n": "{{ start.n }}"})
    middle = publish(calls_low, result({"low": "{{ low }}"}, "low"))
    calls_middle = sub_workflow("middle", middle, "start", input={"n": "{{ start.n }}"})
    return publish(calls_middle, result({"middle": "{{ middle }}"}, "middle"))


# -- sub_workflow -----------------------------------------------------------------------------------------------------


def test_a_run_starts_another_and_reads_what_it_answers(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(three_levels(), n=5))

    assert run.status == "completed"
    assert output_of(run) == {"middle": {"low": "echo: ask 5"}}
    (middle,) = children_of(run)
    (low,) = children_of(middle)
    assert (middle.parent_node, middle.parent_attempt, middle.root_run_id) == ("middle", 1, run.pk)
    assert (low.parent_node, low.root_run_id) == ("low", run.pk)
    assert run.root_run_id is None
    assert {run.data_key_id} == {middle.data_key_id, low.data_key_id}
    assert (middle.status, low.status) == ("completed", "completed")
    assert (low.started_by_kind, low.started_by_id) == (run.started_by_kind, run.started_by_id)
    assert (low.owner_label, low.currency) == (run.owner_label, run.currency)
    row = NodeExecution.objects.get(run=run, node_id="middle")
    assert (row.attempt, row.status, row.waits_for) == (1, "completed", None)


def test_what_a_tree_of_runs_touches_is_counted_at_its_root(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(three_levels()))

    facts = RunFacts.objects.get(root_run=run)
    assert (facts.model_calls, facts.in_flight) == (1, 0)
    assert RunFacts.objects.filter(root_run__in=children_of(run)).count() == 0


def test_a_child_has_the_labels_of_what_it_was_given(in_acme: Tenant) -> None:
    low = publish(transform("it", "{n: start.n}", "start"), result("{{ it }}", "it"))
    version = publish(
        sub_workflow("low", low, "start", input={"n": 1, "text": "{{ start.text }}"}),
        result("{{ low }}", "low"),
    )
    run = execute(make_run(version, n=1, text="from jane@example.org"))

    (child,) = children_of(run)
    assert "PII" in Labels.from_json(child.labels).tags
    made = NodeExecution.objects.get(run=run, node_id="result")
    assert "PII" in Labels.from_json(made.labels).tags  # type: ignore[arg-type]


def test_a_child_is_in_the_ledger_with_its_parent(in_acme: Tenant) -> None:
    low = publish(transform("it", "{n: start.n}", "start"), result("{{ it }}", "it"))
    run = execute(make_run(publish(sub_workflow("low", low, "start"), result("{{ low }}", "low"))))

    (child,) = children_of(run)
    entries = LedgerEntry.objects.filter(subject_id=str(child.pk)).order_by("id")
    assert list(entries.values_list("event", flat=True)) == ["run.started", "run.completed"]
    assert entries[0].facts["parent"] == str(run.pk)


def test_a_child_that_fails_fails_the_node(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: REFUSED) as model:
        make_model_group(model.base_url)
        run = execute(make_run(three_levels()))

    assert (run.status, run.error_code, run.error_node) == ("failed", "child_failed", "middle")
    assert "HTTP 400" in run.error_sentence
    (middle,) = children_of(run)
    (low,) = children_of(middle)
    assert (middle.status, middle.error_code) == ("failed", "child_failed")
    assert (low.status, low.error_code) == ("failed", "model_bad_request")


def test_a_run_may_go_on_after_a_failed_child(in_acme: Tenant) -> None:
    low = publish(transform("bad", "abs(start.text)", "start"), result("{{ bad }}", "bad"))
    given = {"n": 1, "text": "x"}
    called = sub_workflow("low", low, "start", input=given, on_failure="continue", fallback="none")
    run = execute(make_run(publish(called, result("{{ low }}", "low"))))

    assert (run.status, output_of(run)) == ("completed_with_non_critical_errors", "none")


@pytest.mark.parametrize("seconds", [0, 1.2], ids=["here", "with_another_worker"])
def test_a_run_whose_child_had_errors_that_were_not_critical_says_so(
    in_acme: Tenant, seconds: float
) -> None:
    bad = transform("bad", "abs(start.text)", "start", on_failure="continue")
    low = publish(bad, result("done", "bad"))
    called = sub_workflow("low", low, "start", input={"n": 1, "text": "x"})
    run = make_run(publish(called, delay("rest", seconds, "low"), result("{{ low }}", "rest")))
    if seconds:
        with running_executor() as executor:
            wait_until(lambda: statuses(run).get("rest") == "waiting" and executor.is_idle)
    done = execute(run)

    assert (done.status, output_of(run)) == ("completed_with_non_critical_errors", "done")


def test_an_input_that_does_not_fit_starts_no_child(in_acme: Tenant) -> None:
    low = publish(transform("it", "{n: start.n}", "start"), result("{{ it }}", "it"))
    called = sub_workflow("low", low, "start", input={"n": "{{ start.text }}"})
    run = execute(make_run(publish(called, result("{{ low }}", "low")), text="seven"))

    assert (run.status, run.error_code, run.error_node) == ("failed", "input_invalid", "low")
    assert children_of(run) == []


def test_a_child_that_takes_too_long_is_cancelled(in_acme: Tenant) -> None:
    low = publish(
        {"id": "rest", "kind": "delay", "after": ["start"], "seconds": 600},
        result("{{ rest }}", "rest"),
    )
    called = sub_workflow("low", low, "start", timeout_seconds=0.8)
    run = execute(make_run(publish(called, result("{{ low }}", "low"))))

    assert (run.status, run.error_code) == ("failed", "timeout")
    (child,) = children_of(run)
    assert child.status == "cancelled"
    assert statuses(child)["rest"] == "cancelled"


def test_a_failed_child_is_tried_again(in_acme: Tenant) -> None:
    asked: list[str] = []

    def script(prompt: str) -> Answer:
        asked.append(prompt)
        return REFUSED if asked.count("second") == 1 and prompt == "second" else "fine"

    nodes = [llm("first", "first", "start"), llm("second", "second", "first")]
    retry = {"on": ["child_failed"], "attempts": 2, "wait_seconds": 0.05}
    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        low = publish(*nodes, result("{{ second.text }}", "second"))
        called = sub_workflow("low", low, "start", retry=retry)
        run = execute(make_run(publish(called, result("{{ low }}", "low"))))

    assert (run.status, output_of(run)) == ("completed", "fine")
    assert asked == ["first", "second", "second"]  # the child goes on where it failed
    (child,) = children_of(run)
    assert (child.status, child.parent_attempt) == ("completed", 2)


def test_a_failed_child_is_resumed_with_its_root_only(in_acme: Tenant) -> None:
    broken = [True]

    def script(prompt: str) -> Answer:
        return REFUSED if prompt == "second" and broken[0] else "fine"

    nodes = [llm("first", "first", "start"), llm("second", "second", "first")]
    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        low = publish(*nodes, result("{{ second.text }}", "second"))
        run = execute(
            make_run(publish(sub_workflow("low", low, "start"), result("{{ low }}", "low")))
        )
        (child,) = children_of(run)
        with pytest.raises(RunNotResumable, match="begun"):
            resume.resume(run=child, by=actors.SYSTEM)

        broken[0] = False
        resume.resume(run=run, by=actors.SYSTEM)
        done = execute(run)

    assert (done.status, output_of(run)) == ("completed", "fine")
    assert model.prompts == ["first", "second", "second"]
    assert [each.status for each in children_of(run)] == ["completed"]


# -- for_each over child runs -----------------------------------------------------------------------------------------


def each(**more: Any) -> WorkflowVersion:
    body = [
        llm("read", "read {{ item }} {{ start.text }}"),
        transform("kept", "{said: read.text, at: index}", "read"),
    ]
    looped = for_each("each", body, "{{ kept }}", "start", **{"children_above": 2, **more})
    return publish(looped, result("{{ each }}", "each"))


def test_many_entries_are_runs_of_their_own(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(), items=list("abcde"), text="all"))

    assert run.status == "completed"
    assert output_of(run)["items"] == [
        {"said": f"echo: read {letter} all", "at": index} for index, letter in enumerate("abcde")
    ]
    children = children_of(run)
    assert sorted(child.parent_node for child in children) == [f"each[{n}].run" for n in range(5)]
    assert {child.root_run_id for child in children} == {run.pk}
    assert {child.data_key_id for child in children} == {run.data_key_id}
    assert {child.status for child in children} == {"completed"}
    assert {child.nodes_total for child in children} == {2}
    assert statuses(children[0]) == {"read": "completed", "kept": "completed"}
    assert children[0].manifest["body"] == "each"
    assert statuses(run)["each[4].run"] == "completed"


def test_as_many_entries_as_that_stay_in_the_run(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(), items=list("ab"), text="all"))

    assert (run.status, children_of(run)) == ("completed", [])


def test_a_body_has_the_labels_of_its_values_wherever_it_runs(in_acme: Tenant) -> None:
    labels = []
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        version = each()
        for items in (["jane@example.org"], ["jane@example.org", "b", "c"]):
            run = execute(make_run(version, items=items, text="x"))
            row = NodeExecution.objects.get(run=run, node_id="each")
            labels.append(Labels.from_json(row.labels))  # type: ignore[arg-type]

    assert labels[0].tags == labels[1].tags == {"PII"}
    assert labels[0].data_class == labels[1].data_class
    assert labels[0].integrity == labels[1].integrity


def test_some_children_may_fail(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: REFUSED if "read b" in prompt else "fine") as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(failures=1), items=list("abc"), text="x"))

    assert run.status == "completed_with_non_critical_errors"
    made = output_of(run)
    assert [entry and entry["said"] for entry in made["items"]] == ["fine", None, "fine"]
    assert [each["code"] for each in made["failed"]] == ["model_bad_request"]
    ended = {child.parent_node: child.status for child in children_of(run)}
    assert ended == {
        "each[0].run": "completed",
        "each[1].run": "failed",
        "each[2].run": "completed",
    }


def test_no_more_children_than_the_width_are_under_way(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.1) as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(width=2), items=list("abcde"), text="x"))

    assert run.status == "completed"
    spans = [(child.created_at, child.finished_at) for child in children_of(run)]
    most = max(sum(1 for a, b in spans if a <= at < b) for at, _ in spans)  # type: ignore[operator]
    assert most <= 2


def test_children_get_a_slot_though_their_parent_waits_for_them(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = make_run(three_levels())
        with running_executor(run_slots=1):
            assert finish(run).status == "completed"


def test_a_refused_tree_leaves_no_child_under_way(in_acme: Tenant) -> None:
    """One child fails and none may: its siblings are cancelled, and nothing of theirs is used."""

    def script(prompt: str) -> Answer:
        return REFUSED if "read a" in prompt else "fine"

    body = [
        llm("read", "read {{ item }}"),
        {"id": "rest", "kind": "delay", "after": ["read"], "seconds": 600},
    ]
    looped = for_each("each", body, "{{ rest }}", "start", children_above=0)
    with ScriptedModel(script, seconds=0.2) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(looped, result("{{ each }}", "each")), items=list("abc")))

    assert (run.status, run.error_code) == ("failed", "items_failed")
    assert sorted(child.status for child in children_of(run)) == [
        "cancelled",
        "cancelled",
        "failed",
    ]
    assert not RunClaim.objects.filter(
        run_id__in=[child.pk for child in children_of(run)], wanted=True
    ).exists()


# -- cancel -----------------------------------------------------------------------------------------------------------


def wide_tree() -> WorkflowVersion:
    """Three levels: a run, children of a for_each, and in each of them one of another workflow."""
    low = publish(
        llm("ask", "ask {{ start.n }}", "start"),
        llm("again", "again {{ start.n }}", "ask"),
        result("{{ again.text }}", "again"),
    )
    body = [sub_workflow("low", low, input={"n": "{{ item }}"})]
    looped = for_each("each", body, "{{ low }}", "start", children_above=0)
    return publish(
        looped,
        llm("beside", "beside", "start"),
        merge("both", "each", "beside"),
        result("x", "both"),
    )


def test_a_cancel_ends_three_levels_at_once_and_no_later_call_leaves(
    in_acme: Tenant,
) -> None:
    held = threading.Event()

    def script(prompt: str) -> Answer:
        held.wait(PATIENCE_SECONDS)
        return "too late"

    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        run = make_run(wide_tree(), items=[1, 2, 3])
        with running_executor() as executor:
            wait_until(lambda: len(model.prompts) == 4)  # three grandchildren, and the node beside
            cancel.cancel(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
            tree = [Run.objects.get(pk=run.pk), *Run.objects.filter(root_run=run)]
            held.set()
            wait_until(lambda: executor.is_idle)

        wait_until(lambda: not ModelCall.objects.filter(run__in=tree, status="intended").exists())

    assert len(tree) == 7
    assert {each.status for each in tree} == {"cancelled"}
    rows = NodeExecution.objects.filter(run__in=tree)
    assert not rows.filter(status__in=("running", "waiting", "queued")).exists()
    assert not any("again" in prompt for prompt in model.prompts)
    late = ModelCall.objects.filter(run__in=tree)
    assert set(late.values_list("status", flat=True)) == {"late"}
    for each_run in tree:
        names = list(RunEvent.objects.filter(run=each_run).values_list("name", flat=True))
        assert names[-2:] == ["run.cancelled", "end"]
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.in_flight, facts.reserved_micros) == (0, 0)


def test_a_cancel_in_the_rush_of_ending_children_leaves_nothing_open(in_acme: Tenant) -> None:
    """Children end and tell their parent while it is cancelled: neither waits for the other."""
    body = [llm("read", "read {{ item }}")]
    looped = for_each("each", body, "{{ read.text }}", "start", children_above=0, width=16)
    with ScriptedModel(seconds=0.05) as model:
        make_model_group(model.base_url)
        version = publish(looped, result("{{ each }}", "each"))
        with running_executor() as executor:
            for _ in range(2):
                run = make_run(version, items=list(range(30)))
                wait_until(lambda: Run.objects.filter(parent_run=run).count() > 16)  # noqa: B023
                cancel.cancel(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
                wait_until(lambda: executor.is_idle)
                left = Run.objects.filter(root_run=run)
                assert set(left.values_list("status", flat=True)) <= {"cancelled", "completed"}


def test_a_cancel_waits_for_the_decision_that_is_being_written(in_acme: Tenant) -> None:
    """Or else its call would leave after the run has ended."""
    run = make_run(publish(delay("rest", 60, "start"), result("x", "rest")))
    order: list[str] = []
    deciding = threading.Event()

    def decide(number: int) -> None:
        if number:
            deciding.wait(PATIENCE_SECONDS)
            with tenant_context(in_acme):
                cancel.cancel(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
            order.append("cancelled")
            return
        with tenant_context(in_acme), transaction.atomic():
            RunFacts.objects.select_for_update().get(root_run=run)
            deciding.set()
            time.sleep(0.3)
            order.append("decided")

    in_threads(2, decide)

    assert order == ["decided", "cancelled"]


def test_a_child_that_is_cancelled_fails_the_node_that_waits_for_it(in_acme: Tenant) -> None:
    low = publish(
        {"id": "rest", "kind": "delay", "after": ["start"], "seconds": 600},
        result("{{ rest }}", "rest"),
    )
    run = make_run(publish(sub_workflow("low", low, "start"), result("{{ low }}", "low")))
    with running_executor():
        wait_until(lambda: any(child.status == "waiting" for child in children_of(run)))
        cancel.cancel(run=children_of(run)[0], by=actors.SYSTEM)
        done = finish(run)

    assert (done.status, done.error_code, done.error_node) == ("failed", "child_failed", "low")
    assert "cancelled" in done.error_sentence


def test_a_signal_that_was_taken_and_never_arrived_is_not_lost(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database breaks as it is told that signals were taken: they are gone there, and nobody heard of them here."""
    low = publish(delay("rest", 3600, "start"), result("{{ rest.until }}", "rest"))
    run = make_run(publish(sub_workflow("low", low, "start"), result("{{ low }}", "low")))
    really, taken_in_vain = claims.take_signals, threading.Event()

    def take_in_vain(*, worker: Worker) -> list[UUID]:
        taken = really(worker=worker)
        if run.pk in taken and not taken_in_vain.is_set():
            taken_in_vain.set()
            raise OperationalError
        return taken

    monkeypatch.setattr(claims, "take_signals", take_in_vain)
    with running_executor():
        wait_until(lambda: {each.status for each in children_of(run)} == {"waiting"})
        cancel.cancel(run=children_of(run)[0], by=actors.SYSTEM)
        ended = finish(run)

    assert taken_in_vain.is_set()
    assert (ended.status, ended.error_code) == ("failed", "child_failed")


# -- order of what children bring -------------------------------------------------------------------------------------


def test_a_large_body_is_the_same_here_and_in_children(in_acme: Tenant) -> None:
    def script(prompt: str) -> Answer:
        return json.dumps({"amount": int(prompt.rsplit(maxsplit=1)[-1])})

    made = []
    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        for above in (0, 25):
            run = execute(make_run(_claims(above), items=[150, 50]))
            made.append(output_of(run))

    assert made[0] == made[1]
    assert made[0]["items"] == [{"big": {"yes": 150}}, {"small": {"no": 50}}]


def _claims(above: int) -> WorkflowVersion:
    schema = {
        "type": "object",
        "properties": {"amount": {"type": "integer"}},
        "required": ["amount"],
    }
    body: list[dict[str, Any]] = [
        llm("read", "read {{ item }}", output=schema),
        transform("big", "{yes: read.amount}", _when(">")),
        transform("small", "{no: read.amount}", _when("<=")),
        merge("which", "big", "small"),
    ]
    looped = for_each("each", body, "{{ which }}", "start", children_above=above)
    return publish(looped, result("{{ each }}", "each"))


def _when(op: str) -> dict[str, Any]:
    return {"node": "read", "when": {"left": "{{ read.amount }}", "op": op, "right": 100}}


def test_a_tenant_with_one_place_can_have_children(in_acme: Tenant) -> None:
    """A run that waits for its children gives up its place among those that a quota allows at once."""
    limits = Limits(concurrent_runs=1, when_full="queue")
    quotas.set_limits(limits=limits, reason="For a test.", by=actors.SYSTEM)
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = make_run(three_levels())

        assert execute(run).status == "completed"
