"""Nodes with a body: refine (row A4) and for_each, whose bodies run here."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from runs import payloads
from runs.models import ModelCall, NodeExecution, Run, RunEvent
from tenancy.models import Tenant
from tests.runs.making import execute, make_model_group, make_run, statuses
from tests.runs.scripted_model import Answer, ScriptedModel
from tests.runs.specs import delay, for_each, llm, merge, publish, refine, result, transform
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

VERDICT = {
    "type": "object",
    "properties": {"good": {"type": "boolean"}, "wanting": {"type": "string"}},
    "required": ["good", "wanting"],
    "additionalProperties": False,
}


def events_of(run: Run, *names: str) -> list[tuple[str, str]]:
    rows = RunEvent.objects.filter(run=run, name__in=names).order_by("seq")
    return list(rows.values_list("name", "node_id"))


def output_of(run: Run) -> Any:
    return payloads.open_payload(Run.objects.get(pk=run.pk), "output_sealed")


# -- refine -----------------------------------------------------------------------------------------------------------


def improving(**more: Any) -> WorkflowVersion:
    drafted = llm("draft", "draft {{ round }}: {{ previous }} / {{ feedback }}")
    judged = llm("critic", "judge {{ draft.text }}", "draft", output=VERDICT)
    improve = refine(
        "improve",
        [drafted, judged],
        "start",
        accept={"left": "{{ critic.good }}", "op": "==", "right": True},
        value="{{ draft.text }}",
        feedback="{{ critic.wanting }}",
        **more,
    )
    return publish(improve, result("{{ improve }}", "improve"))


def critic(rejecting: int) -> Callable[[str], Answer]:
    """A writer that counts its drafts, and a critic that rejects the first so many of them."""
    drafts: list[str] = []

    def script(prompt: str) -> Answer:
        if prompt.startswith("draft"):
            drafts.append(prompt)
            return f"draft no. {len(drafts)}"
        good = len(drafts) > rejecting
        return json.dumps({"good": good, "wanting": "" if good else f"more of {len(drafts)}"})

    return script


def test_a_critic_rejects_twice_and_then_accepts(in_acme: Tenant) -> None:
    with ScriptedModel(critic(rejecting=2)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(improving()))

    assert run.status == "completed"
    assert output_of(run) == {"value": "draft no. 3", "rounds": 3, "accepted": True}
    assert [prompt for prompt in model.prompts if prompt.startswith("draft")] == [
        "draft 1: null / null",
        "draft 2: draft no. 1 / more of 1",
        "draft 3: draft no. 2 / more of 2",
    ]
    assert events_of(run, "refine.rejected", "refine.accepted") == [
        ("refine.rejected", "improve"),
        ("refine.rejected", "improve"),
        ("refine.accepted", "improve"),
    ]
    accepted = RunEvent.objects.get(run=run, name="refine.accepted")
    assert accepted.body == {"round": 3, "of": 3}


def test_every_round_is_billed_and_on_record(in_acme: Tenant) -> None:
    with ScriptedModel(critic(rejecting=2)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(improving()))

    rounds = [f"improve[{number}].{node}" for number in range(3) for node in ("draft", "critic")]
    rows = NodeExecution.objects.filter(run=run, node_id__startswith="improve[").order_by("id")
    assert list(rows.values_list("node_id", "status")) == [(path, "completed") for path in rounds]
    assert ModelCall.objects.filter(run=run, status="completed").count() == 6
    assert (run.tokens_in, run.tokens_out) == (60, 30)
    assert sum(row.tokens_out for row in rows) == 30
    whole = NodeExecution.objects.get(run=run, node_id="improve")
    assert (whole.kind, whole.status, whole.attempt) == ("refine", "completed", 1)
    assert whole.started_at
    assert whole.finished_at
    assert whole.started_at <= rows[0].started_at  # type: ignore[operator]
    assert whole.finished_at >= rows[5].finished_at  # type: ignore[operator]


def test_a_refinement_that_is_never_accepted_fails(in_acme: Tenant) -> None:
    with ScriptedModel(critic(rejecting=99)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(improving(rounds=2)))

    assert (run.status, run.error_code, run.error_node) == ("failed", "refine_exhausted", "improve")
    assert len(model.prompts) == 4
    rejected = [("refine.rejected", "improve")] * 2
    assert events_of(run, "refine.rejected", "refine.accepted") == rejected


def test_a_refinement_may_go_on_with_its_last_round(in_acme: Tenant) -> None:
    with ScriptedModel(critic(rejecting=99)) as model:
        make_model_group(model.base_url)
        run = execute(make_run(improving(rounds=2, on_exhausted="last")))

    assert run.status == "completed"
    assert output_of(run) == {"value": "draft no. 2", "rounds": 2, "accepted": False}


def test_a_round_that_fails_fails_the_refinement(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(improving()))

    assert (run.status, run.error_code, run.error_node) == (
        "failed",
        "model_bad_request",
        "improve",
    )
    assert "Round 1" in run.error_sentence
    assert statuses(run)["improve[0].draft"] == "failed"


# -- for_each ---------------------------------------------------------------------------------------------------------


def each(**more: Any) -> WorkflowVersion:
    body = [llm("read", "read {{ item }} at {{ index }} of {{ start.text }}")]
    looped = for_each(
        "each", body, {"said": "{{ read.text }}", "no": "{{ index }}"}, "start", **more
    )
    return publish(looped, result("{{ each }}", "each"))


def test_every_entry_has_its_own_body_and_the_order_is_kept(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(), items=["a", "b", "c"], text="all"))

    assert output_of(run) == {
        "items": [
            {"said": f"echo: read {letter} at {index} of all", "no": index}
            for index, letter in enumerate("abc")
        ],
        "failed": [],
    }
    assert statuses(run) == {
        **dict.fromkeys(("start", "each", "result"), "completed"),
        **{f"each[{index}].read": "completed" for index in range(3)},
    }
    assert (run.nodes_done, run.nodes_total) == (3, 3)


def test_no_more_bodies_than_its_width_are_under_way_at_once(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.15) as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(width=2), items=list("abcdef"), text="x"))

    assert run.status == "completed"
    starts = [(began, 1) for began, _ in model.intervals]
    ends = [(ended, -1) for _, ended in model.intervals]
    at_once, most = 0, 0
    for _, change in sorted(starts + ends):
        at_once += change
        most = max(most, at_once)
    assert most == 2


def test_an_empty_list_makes_an_empty_list(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(), items=[], text="x"))

    assert (run.status, output_of(run)) == ("completed", {"items": [], "failed": []})
    assert model.prompts == []


def test_a_list_may_stand_in_the_definition(in_acme: Tenant) -> None:
    looped = for_each("each", [transform("it", "{got: item}")], "{{ it.got }}", "start")
    version = publish(looped | {"items": [1, "two", None]}, result("{{ each.items }}", "each"))

    assert output_of(execute(make_run(version))) == [1, "two", None]


def test_a_name_of_its_own_for_the_entry(in_acme: Tenant) -> None:
    body = [transform("it", "{got: claim.no}")]
    looped = for_each("each", body, "{{ claim.no }}: {{ it.got }}", "start", **{"as": "claim"})
    version = publish(looped, result("{{ each.items }}", "each"))

    assert output_of(execute(make_run(version, items=[{"no": 7}]))) == ["7: 7"]


def failing_at(*bad: str) -> Callable[[str], Answer]:
    return lambda prompt: (400, "{}") if any(f"read {each} " in prompt for each in bad) else "fine"


def test_so_many_entries_may_fail(in_acme: Tenant) -> None:
    with ScriptedModel(failing_at("b", "d")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(failures=2), items=list("abcd"), text="x"))

    assert run.status == "completed_with_non_critical_errors"
    made = output_of(run)
    assert [entry and entry["said"] for entry in made["items"]] == ["fine", None, "fine", None]
    assert [(each["index"], each["code"]) for each in made["failed"]] == [
        (1, "model_bad_request"),
        (3, "model_bad_request"),
    ]
    assert all("HTTP 400" in each["sentence"] for each in made["failed"])


def test_one_failure_too_many_fails_the_node_and_starts_no_more(in_acme: Tenant) -> None:
    with ScriptedModel(failing_at("a", "b")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(failures=1, width=1), items=list("abcdef"), text="x"))

    assert (run.status, run.error_code, run.error_node) == ("failed", "items_failed", "each")
    assert len(model.prompts) == 2
    assert statuses(run)["each"] == "failed"


def test_a_million_entries_are_refused(in_acme: Tenant) -> None:
    looped = for_each("each", [transform("it", "{got: item}")], "{{ it.got }}", "start")
    version = publish(looped, result("{{ each.items }}", "each"))
    run = execute(make_run(version, items=[0] * 1_000_000))

    assert (run.status, run.error_code, run.error_node) == ("failed", "too_many_items", "each")
    assert "1,000,000" in run.error_sentence
    assert "1,000 are allowed" in run.error_sentence
    assert statuses(run) == {"start": "completed", "each": "failed"}


def test_what_is_no_list_is_refused(in_acme: Tenant) -> None:
    looped = for_each("each", [transform("it", "{got: item}")], "{{ it.got }}", "start")
    version = publish(looped | {"items": "{{ start.n }}"}, result("{{ each.items }}", "each"))
    run = execute(make_run(version, n=3))

    assert (run.status, run.error_code) == ("failed", "items_not_a_list")


def test_bodies_have_branches_of_their_own(in_acme: Tenant) -> None:
    body = [
        {
            "id": "route",
            "kind": "condition",
            "cases": [{"branch": "big", "when": {"left": "{{ item }}", "op": ">", "right": 1}}],
            "otherwise": "small",
        },
        transform("big", "'big'", "route:big"),
        transform("small", "'small'", "route:small"),
        merge("joined", "big", "small", mode="first"),
    ]
    looped = for_each("each", body, "{{ joined }}", "start")
    run = execute(make_run(publish(looped, result("{{ each.items }}", "each")), items=[1, 2, 3]))

    assert output_of(run) == ["small", "big", "big"]
    assert statuses(run)["each[0].big"] == "skipped"


def test_a_refinement_in_every_entry(in_acme: Tenant) -> None:
    drafted = llm("draft", "{{ item }} {{ round }}")
    improve = refine(
        "improve",
        [drafted],
        accept={"left": "{{ round }}", "op": ">=", "right": "{{ item }}"},
        value="{{ draft.text }}",
    )
    looped = for_each("each", [improve], "{{ improve.value }}", "start")
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(looped, result("{{ each.items }}", "each")), items=[1, 3]))

    assert output_of(run) == ["echo: 1 1", "echo: 3 3"]
    assert Counter(model.prompts) == Counter(["1 1", "3 1", "3 2", "3 3"])
    assert statuses(run)["each[1].improve[2].draft"] == "completed"


def test_a_failed_entry_does_not_leave_what_waits_in_it(in_acme: Tenant) -> None:
    """A body that failed ends, though another of its nodes waits for a long time."""
    body = [llm("read", "read {{ item }} "), delay("rest", 600), merge("both", "read", "rest")]
    looped = for_each("each", body, "{{ both }}", "start", failures=1)
    with ScriptedModel(failing_at("a"), seconds=0.1) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(looped, result("{{ each }}", "each")), items=["a"]))

    assert run.status == "completed_with_non_critical_errors"
    rest = NodeExecution.objects.get(run=run, node_id="each[0].rest")
    assert (rest.status, rest.error_code) == ("cancelled", "body_failed")
    assert (rest.waits_for, rest.due_at) == (None, None)


def test_a_container_that_failed_does_not_leave_what_waits_in_its_other_bodies(
    in_acme: Tenant,
) -> None:
    body = [
        transform("bad", "abs(item)", {"node": "first", "when": bad("==")}),
        delay("rest", 600, {"node": "first", "when": bad("!=")}),
    ]
    looped = for_each("each", [transform("first", "item"), *body], "{{ first }}", "start")
    routed = looped | {"on_failure": "route"}
    told = transform("told", "{code: each.code}", "each:failed")
    run = execute(make_run(publish(routed, told, result("{{ told }}", "told")), items=["x", "bad"]))

    assert (run.status, output_of(run)) == (
        "completed_with_non_critical_errors",
        {"code": "items_failed"},
    )
    assert statuses(run)["each[0].rest"] == "cancelled"


def bad(op: str) -> dict[str, Any]:
    return {"left": "{{ first }}", "op": op, "right": "bad"}


def test_a_container_is_tried_again_and_what_is_finished_in_it_is_kept(in_acme: Tenant) -> None:
    asked: Counter[str] = Counter()

    def script(prompt: str) -> Answer:
        asked[prompt] += 1
        return (400, "{}") if prompt.startswith("read b") and asked[prompt] == 1 else "fine"

    retry = {"on": ["items_failed"], "attempts": 2, "wait_seconds": 0.05}
    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        run = execute(make_run(each(retry=retry, width=1), items=list("abc"), text="x"))

    assert run.status == "completed"
    assert asked == {"read a at 0 of x": 1, "read b at 1 of x": 2, "read c at 2 of x": 1}
    rows = NodeExecution.objects.filter(run=run, node_id="each").order_by("attempt")
    assert list(rows.values_list("attempt", "status")) == [(1, "failed"), (2, "completed")]
    again = NodeExecution.objects.filter(run=run, node_id="each[1].read").order_by("attempt")
    assert list(again.values_list("attempt", "status")) == [(1, "failed"), (2, "completed")]
