"""Forks: what is taken over, what runs again, and what stands against it."""

import json
import secrets
from typing import Any

import pytest

from compliance import disposal
from compliance.models import LegalBasis
from runs import fork, fork_plan, payloads
from runs.errors import ForkRefused, NodeNotInRun, QuotaExceeded, SideEffectsUnconfirmed
from runs.models import ModelCall, NodeExecution, Run, RunEvent, RunFacts
from tenancy import actors, keys, quotas
from tenancy.models import LedgerEntry, Tenant
from tests.runs import definitions, specs
from tests.runs.making import (
    execute,
    finish,
    make_model_group,
    make_run,
    make_version,
    running_executor,
    statuses,
)
from tests.runs.scripted_host import ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_tool_calls import make_destination
from workflows import definitions as drafts
from workflows import versions
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def make_fork(run: Run, at: str, **options: Any) -> Run:
    return fork.fork(run=run, at=at, by=actors.SYSTEM, **options)


def republish(version: WorkflowVersion, old: str, new: str) -> WorkflowVersion:
    """The same workflow with something changed, as its next version."""
    text = json.dumps(dict(version.revision.definition.spec))
    assert old in text
    revision = drafts.import_definition(text=text.replace(old, new), by=actors.SYSTEM)
    later = versions.create(revision=revision, by=actors.SYSTEM)
    versions.publish(version=later, by=actors.SYSTEM, reason="For a test.")
    return WorkflowVersion.objects.select_related("workflow", "revision").get(pk=later.pk)


def taken_over(run: Run) -> set[str]:
    rows = NodeExecution.objects.filter(run=run, worker=fork_plan.FORK)
    return set(rows.values_list("node_id", flat=True))


def outputs(run: Run) -> dict[str, Any]:
    rows = NodeExecution.objects.filter(run=run, status="completed").order_by("attempt")
    return {row.node_id: payloads.open_payload(row, "output_sealed") for row in rows}


def dispose(run: Run) -> None:
    planned = disposal.plan(kind="run", target_id=run.pk, by=actors.SYSTEM)
    disposal.execute(
        plan_id=planned.pk,
        by=actors.SYSTEM,
        legal_basis=LegalBasis.RETENTION_ENDED,
        reason="The test is over.",
    )


def test_a_fork_takes_over_what_came_before_and_runs_the_rest(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK), n=3))
        model.script = lambda prompt: f"anew: {prompt}"

        planned = fork.plan(run, "again")
        forked = execute(make_fork(run, "again"))

    assert (planned.reused, planned.run_again) == (("start", "ask"), ("again", "result"))
    assert taken_over(forked) == {"start", "ask"}
    assert statuses(forked) == dict.fromkeys(("start", "ask", "again", "result"), "completed")
    assert payloads.open_payload(forked, "output_sealed") == {"said": "anew: again echo: ask 3"}
    assert [call.node_id for call in ModelCall.objects.filter(run=forked)] == ["again"]
    assert outputs(run)["ask"] == outputs(forked)["ask"]


def test_a_fork_is_a_run_of_its_own_with_its_lineage(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN), n=7))

    forked = make_fork(run, "two")
    again = make_fork(execute(forked), "result")

    assert (forked.forked_from_id, forked.forked_at, forked.root_run_id) == (run.pk, "two", None)
    assert again.forked_from.forked_from == run
    assert len({run.data_key_id, forked.data_key_id, again.data_key_id}) == 3
    assert payloads.open_payload(again, "input_sealed") == {"n": 7}
    assert taken_over(again) == {"start", "one", "two"}
    entry = LedgerEntry.objects.get(event="run.forked", subject_id=str(forked.pk))
    assert (entry.facts["from"], entry.facts["at"]) == (str(run.pk), "two")
    assert RunEvent.objects.get(run=forked, seq=1).name == "run.forked"
    finish_here(again)
    events = list(RunEvent.objects.filter(run=again).values_list("seq", flat=True))
    assert events == list(range(1, len(events) + 1))


def finish_here(run: Run) -> Run:
    with running_executor():
        return finish(run)


def test_what_was_touched_stays_touched(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK), n=3))
        forked = make_fork(run, "result")

    before, after = RunFacts.objects.get(root_run=run), RunFacts.objects.get(root_run=forked)

    assert (after.max_class, after.tags) == (before.max_class, before.tags)
    assert after.destinations == before.destinations != []
    assert (after.calls, after.spent_micros) == (0, 0)


def test_it_holds_when_the_run_that_it_comes_from_is_disposed_of(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN), n=7))
    forked = make_fork(run, "two")

    dispose(run)

    assert keys.is_destroyed(run.data_key_id)
    assert payloads.open_payload(finish_here(forked), "output_sealed") == {"n": 7}


def test_branches_not_taken_are_taken_over_with_their_reason(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.BRANCHES), n=3))

    forked = execute(make_fork(run, "joined"))

    row = NodeExecution.objects.get(run=forked, node_id="when_big")
    assert (row.status, row.worker) == ("skipped", fork_plan.FORK)
    assert row.skipped_because == {"node": "route", "needed": "big", "taken": "small"}
    assert forked.status == "completed"


# -- on another version -----------------------------------------------------------------------------------------------


def test_on_another_version_what_changed_runs_again_with_all_that_depends_on_it(
    in_acme: Tenant,
) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        version = make_version(definitions.TALK)
        run = execute(make_run(version, n=3))
        later = republish(version, "ask {{ start.n }}", "please {{ start.n }}")

        planned = fork.plan(run, "result", later)
        forked = execute(make_fork(run, "result", version=later))

    assert planned.reused == ("start",)
    assert (forked.version_id, taken_over(forked)) == (later.pk, {"start"})
    assert outputs(forked)["ask"] == {"text": "echo: please 3"}


def test_a_run_on_a_superseded_version_is_forked_on_its_own(in_acme: Tenant) -> None:
    version = make_version(definitions.CHAIN)
    run = execute(make_run(version))
    republish(version, "One", "Another title")

    assert fork.plan(run, "two").problems == ()


def test_a_version_that_is_not_published_is_a_problem(in_acme: Tenant) -> None:
    version = make_version(definitions.CHAIN)
    run = execute(make_run(version))
    versions.retire(version=version, by=actors.SYSTEM)

    assert [each.code for each in fork.plan(run, "two").problems] == ["version_not_published"]
    with pytest.raises(ForkRefused, match="not published"):
        make_fork(run, "two")


def test_an_input_that_another_version_does_not_take_is_a_problem(in_acme: Tenant) -> None:
    version = make_version(definitions.CHAIN)
    run = execute(make_run(version))
    later = republish(version, '"required": ["n"]', '"required": ["n", "text"]')

    assert [each.code for each in fork.plan(run, "two", later).problems] == ["input_invalid"]


def test_a_fork_on_another_workflow_is_refused(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))

    with pytest.raises(ForkRefused, match="own workflow"):
        fork.plan(run, "two", make_version(definitions.CHAIN))


# -- bodies -----------------------------------------------------------------------------------------------------------


EACH = (
    specs.for_each(
        "each",
        [
            specs.llm("draft", "draft {{ item }}"),
            specs.llm("check", "check {{ draft.text }}", "draft"),
        ],
        "{{ check.text }}",
        "start",
        width=1,
    ),
    specs.result({"all": "{{ each.items }}"}, "each"),
)


def test_one_entry_of_a_container_is_forked_and_the_others_are_kept(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(specs.publish(*EACH), items=["a", "b", "c"]))
        model.prompts.clear()
        model.script = lambda prompt: f"anew: {prompt}"

        planned = fork.plan(run, "each[1].check")
        forked = execute(make_fork(run, "each[1].check"))

    assert planned.run_again == ("each", "each[1].check", "result")
    assert model.prompts == ["check echo: draft b"]
    said = ["echo: check echo: draft a", "anew: check echo: draft b", "echo: check echo: draft c"]
    assert payloads.open_payload(forked, "output_sealed") == {"all": said}


def test_a_container_that_is_kept_brings_its_bodies(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(specs.publish(*EACH), items=["a", "b"]))
        model.prompts.clear()

        forked = execute(make_fork(run, "result"))

    assert model.prompts == []
    assert taken_over(forked) == set(statuses(run)) - {"result"}


def test_a_round_is_forked_and_those_after_it_are_not_kept(in_acme: Tenant) -> None:
    improve = specs.refine(
        "improve",
        [specs.llm("draft", "draft {{ round }} after {{ previous }}")],
        "start",
        accept={"left": "{{ round }}", "op": ">=", "right": 3},
        value="{{ draft.text }}",
        feedback="more",
    )
    with ScriptedModel(lambda prompt: f"<{prompt}>") as model:
        make_model_group(model.base_url)
        version = specs.publish(improve, specs.result("{{ improve.rounds }}", "improve"))
        run = execute(make_run(version))
        before = list(model.prompts)
        model.prompts.clear()

        forked = execute(make_fork(run, "improve[1].draft"))

    assert (forked.status, taken_over(forked)) == ("completed", {"start", "improve[0].draft"})
    assert model.prompts == before[1:]


def test_a_body_that_was_a_child_run_is_forked_by_its_node(in_acme: Tenant) -> None:
    apart = specs.for_each(
        "each", [specs.llm("say", "say {{ item }}")], "{{ say.text }}", "start", children_above=1
    )
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        version = specs.publish(apart, specs.result({"all": "{{ each.items }}"}, "each"))
        run = execute(make_run(version, items=["a", "b", "c"]))
        model.prompts.clear()

        forked = execute(make_fork(run, "each[2].run"))

    assert (forked.status, model.prompts) == ("completed", ["say c"])
    assert list(Run.objects.filter(parent_run=forked).values_list("parent_node", flat=True)) == [
        "each[2].run"
    ]


def test_what_is_large_is_sealed_anew_in_the_store(in_acme: Tenant) -> None:
    text = "".join(secrets.token_hex(32) for _ in range(40_000))
    run = execute(make_run(make_version(definitions.CHAIN), n=1, text=text))

    forked = execute(make_fork(run, "two"))
    dispose(run)

    row = NodeExecution.objects.get(run=forked, node_id="start")
    assert payloads.is_stored(row.output_sealed or b"")
    assert payloads.open_payload(row, "output_sealed")["text"] == text


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("nowhere", "There is no node"),
        ("draft", "Say in which one"),
        ("each[7].draft", "Nothing ran"),
        ("each[0].nowhere", "There is no node"),
        ("result[0].draft", "Nothing ran"),
        ("each[", "There is no node|Nothing ran|not the path"),
        ("", "There is no node"),
    ],
)
def test_a_node_that_is_not_there_is_named(in_acme: Tenant, at: str, told: str) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(specs.publish(*EACH), items=["a"]))

    with pytest.raises(NodeNotInRun, match=told):
        fork.plan(run, at)


# -- what stands against it -------------------------------------------------------------------------------------------


def post(node_id: str, *after: str) -> dict[str, Any]:
    return {
        "id": node_id,
        "kind": "tool",
        "after": list(after),
        "tool": "http_request",
        "arguments": {"url": "http://127.0.0.1:PORT/orders", "method": "POST", "json": {"n": 1}},
    }


def make_ordered(host: ScriptedHost) -> Run:
    """A run of: start, first, order (which posts), result."""
    make_destination(host)
    order = json.loads(json.dumps(post("order", "first")).replace("PORT", str(host.port)))
    first = specs.transform("first", "{n: start.n}", "start")
    last = specs.result({"status": "{{ order.status }}"}, "order")
    return execute(make_run(specs.publish(nodes=[TRUSTED, first, order, last])))


# What steers an effect comes from an input that the author vouches for.
TRUSTED = {
    "id": "start",
    "kind": "input",
    "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    "labels": {"integrity": "endorsed"},
}


def test_an_effect_is_repeated_only_with_a_word_and_a_reason(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        run = make_ordered(host)
        assert (run.status, len(host.asked)) == ("completed", 1), run.error_sentence

        with pytest.raises(SideEffectsUnconfirmed) as refused:
            make_fork(run, "first")
        with pytest.raises(SideEffectsUnconfirmed):
            make_fork(run, "first", confirm=True, reason=" ")
        with pytest.raises(SideEffectsUnconfirmed):
            make_fork(run, "first", reason="The order was lost.")
        assert Run.objects.count() == 1
        forked = execute(make_fork(run, "first", confirm=True, reason="The order was lost."))

        assert (forked.status, len(host.asked)) == ("completed", 2)
        execute(make_fork(forked, "result"))
        assert len(host.asked) == 2
    assert [each["node"] for each in refused.value.extra["side_effects"]] == ["order"]
    told = RunEvent.objects.get(run=forked, name="run.forked")
    assert told.body["reason"] == "The order was lost."


def test_a_fork_of_a_fork_knows_what_the_first_run_did(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        run = make_ordered(host)
        forked = execute(make_fork(run, "result"))

        assert fork.plan(forked, "result").side_effects == ()
        assert [each.node for each in fork.plan(forked, "order").side_effects] == ["order"]


def test_a_run_that_has_not_ended_is_not_forked(in_acme: Tenant) -> None:
    run = make_run(make_version(definitions.CHAIN))

    with pytest.raises(ForkRefused, match="queued"):
        make_fork(run, "two")


def test_a_disposed_run_is_not_forked(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))
    dispose(run)

    with pytest.raises(ForkRefused, match="disposed"):
        make_fork(Run.objects.get(pk=run.pk), "two")


def test_a_child_run_is_forked_at_its_root(in_acme: Tenant) -> None:
    child = make_version(definitions.CHAIN)
    version = specs.publish(
        specs.sub_workflow("inner", child, "start"), specs.result({"n": "{{ inner.n }}"}, "inner")
    )
    run = execute(make_run(version))

    with pytest.raises(ForkRefused, match="Fork that one"):
        make_fork(Run.objects.get(parent_run=run), "two")
    assert fork.plan(run, "result").reused == ("start", "inner")


def test_a_failed_run_is_forked_and_what_failed_runs_again(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))
        model.script = lambda prompt: "well"

        forked = execute(make_fork(run, "again"))

    assert (run.status, forked.status) == ("failed", "completed")
    assert taken_over(forked) == {"start"}


def test_the_same_key_gives_the_same_fork(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))

    one = make_fork(run, "two", idempotency_key="k")
    two = make_fork(run, "two", idempotency_key="k")

    assert one == two


def test_a_fork_counts_as_a_start(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))
    limits = quotas.Limits(runs_per_hour=2)
    quotas.set_limits(limits=limits, reason="For a test.", by=actors.SYSTEM)

    make_fork(run, "two")

    with pytest.raises(QuotaExceeded, match="an hour"):
        make_fork(run, "two")
    assert Run.objects.count() == 2
