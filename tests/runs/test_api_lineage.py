"""Forks, replays and comparisons over the API: what it answers, to whom, and what it refuses."""

from typing import Any

import pytest
from django.test import Client

from runs.models import Run
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Permission, Role
from tests import factories
from tests.runs import definitions
from tests.runs.calling import URL, get, post, problem
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_host import ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_fork import dispose, make_fork, make_ordered, republish

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def talked(in_acme: Tenant) -> Run:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        return execute(make_run(make_version(definitions.TALK), n=3))


@pytest.fixture
def chained(in_acme: Tenant) -> Run:
    return execute(make_run(make_version(definitions.CHAIN), n=7))


def of(run: Run, part: str) -> str:
    return f"{URL}/{run.pk}/{part}"


# -- fork -------------------------------------------------------------------------------------------------------------


def test_a_plan_says_what_would_be_reused(bob: Client, chained: Run) -> None:
    plan = get(bob, of(chained, "fork?at=two"))

    assert (plan["reused"], plan["run_again"]) == (["start", "one"], ["two", "result"])
    assert (plan["side_effects"], plan["problems"], plan["needs_confirmation"]) == ([], [], False)
    with tenant_context(chained.tenant):
        assert Run.objects.count() == 1


def test_a_fork_is_accepted_and_has_its_address(bob: Client, chained: Run) -> None:
    answer = post(bob, of(chained, "fork"), at="two")

    assert answer.status_code == 202
    with tenant_context(chained.tenant):
        forked = Run.objects.get(pk=answer.json()["id"])
    assert answer["Location"] == f"/api/v1/runs/{forked.pk}"
    assert (forked.forked_from_id, forked.started_by_kind) == (chained.pk, "token")


def test_the_same_key_forks_once(bob: Client, chained: Run) -> None:
    one = post(bob, of(chained, "fork"), key="once", at="two")
    two = post(bob, of(chained, "fork"), key="once", at="two")

    assert one.json()["id"] == two.json()["id"]
    with tenant_context(chained.tenant):
        assert Run.objects.filter(forked_from=chained).count() == 1


def test_what_if_is_a_purpose_and_replay_is_none(bob: Client, chained: Run) -> None:
    answer = post(bob, of(chained, "fork"), at="two", purpose="what_if")

    with tenant_context(chained.tenant):
        assert Run.objects.get(pk=answer.json()["id"]).purpose == "what_if"
    problem(post(bob, of(chained, "fork"), at="two", purpose="replay"), 422, "validation_failed")


def test_effects_are_listed_until_they_are_confirmed(bob: Client, in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        run = make_ordered(host)

    plan = get(bob, of(run, "fork?at=order"))
    refused = problem(post(bob, of(run, "fork"), at="order"), 409, "side_effects_unconfirmed")
    accepted = post(bob, of(run, "fork"), at="order", confirm=True, reason="It was lost.")

    assert [each["node"] for each in plan["side_effects"]] == ["order"]
    assert [each["node"] for each in refused["side_effects"]] == ["order"]
    assert accepted.status_code == 202


def test_what_cannot_be_forked_is_told(bob: Client, chained: Run) -> None:
    queued = make_run(chained.version)
    dispose(chained)

    problem(post(bob, of(chained, "fork"), at="two"), 409, "fork_refused")
    problem(post(bob, of(queued, "fork"), at="two"), 409, "fork_refused")
    problem(bob.get(of(queued, "fork")), 422, "validation_failed")


def test_an_unknown_node_or_version_is_told(bob: Client, chained: Run) -> None:
    problem(post(bob, of(chained, "fork"), at="nowhere"), 422, "node_not_in_run")
    problem(post(bob, of(chained, "fork"), at="two", version=9), 404, "not_found")


# -- replay -----------------------------------------------------------------------------------------------------------


def test_a_replay_compares_node_by_node(bob: Client, talked: Run) -> None:
    report = post(bob, of(talked, "replay")).json()

    assert (report["result"], report["first"], report["output_same"]) == ("same", None, True)
    assert report["output_replayed"] == talked.output_commitment
    assert report["counts"] == {"same": 4, "differs": 0, "not_reached": 0, "reused": 0}


def test_what_if_names_the_first_node_that_has_no_answer(bob: Client, talked: Run) -> None:
    later = republish(talked.version, "again {{ ask.text }}", "once more {{ ask.text }}")

    report = post(bob, of(talked, "replay"), version=later.number).json()

    assert (report["result"], report["first"]["node"]) == ("differs", "again")
    assert report["first"]["code"] == "prompt_differs"


def test_a_policy_and_an_order_are_taken_by_name(bob: Client, talked: Run) -> None:
    groups = {"default": ["nobody"]}

    assert post(bob, of(talked, "replay"), policy=talked.snapshot.number).json()["decisions"] == []
    report = post(bob, of(talked, "replay"), model_groups=groups).json()
    assert report["first"]["code"] == "model_differs"
    problem(post(bob, of(talked, "replay"), policy=99), 404, "not_found")


def test_a_disposed_run_is_gone(bob: Client, chained: Run) -> None:
    dispose(chained)

    problem(post(bob, of(chained, "replay")), 410, "evidence_disposed")


# -- compare ----------------------------------------------------------------------------------------------------------


def compare(client: Client, left: Run, right: Run) -> Any:
    return get(client, of(left, f"compare?with={right.pk}"))


def test_two_runs_are_compared_node_by_node(bob: Client, in_acme: Tenant) -> None:
    version = make_version(definitions.BRANCHES)
    small, big = execute(make_run(version, n=3)), execute(make_run(version, n=30))

    found = compare(bob, small, big)

    sides = {each["node"]: each for each in found["nodes"]}
    assert (found["first"], found["input_same"], found["output_same"]) == ("start", False, False)
    assert sides["when_big"]["left"]["status"] == "skipped"
    assert sides["when_big"]["right"]["status"] == "completed"
    assert sides["route"]["left"]["branch"] == "small"
    assert sides["route"]["left"]["seconds"] >= 0


def test_a_fork_is_the_same_up_to_its_node(bob: Client, talked: Run) -> None:
    with ScriptedModel(lambda prompt: "quite another") as model:
        deployment = talked.model_calls.all()[0].deployment
        type(deployment.provider).objects.update(base_url=model.base_url)
        forked = execute(make_fork(talked, "again"))

    found = compare(bob, talked, forked)

    same = {each["node"]: each["output_same"] for each in found["nodes"]}
    assert same == {"start": True, "ask": True, "again": False, "result": False}
    assert found["first"] == "again"
    assert found["nodes"][1]["right"]["taken_over"]


def test_who_may_not_read_is_not_told_what_is_the_same(in_acme: Tenant, chained: Run) -> None:
    auditor = factories.make_program(
        factories.make_member(tenant=in_acme, role=Role.OPERATOR), Permission.RUN_VIEW
    )
    forked = execute(make_fork(chained, "two"))

    found = compare(auditor, chained, forked)

    assert found["output_same"] is None
    assert {each["output_same"] for each in found["nodes"]} == {None}
    assert found["first"] is None


def test_a_disposed_run_is_still_compared_by_its_states(bob: Client, chained: Run) -> None:
    forked = execute(make_fork(chained, "two"))
    dispose(chained)

    found = compare(bob, Run.objects.get(pk=chained.pk), forked)

    assert {each["output_same"] for each in found["nodes"]} == {None}
    assert {each["left"]["status"] for each in found["nodes"]} == {"completed"}


def test_runs_of_different_workflows_are_compared_by_path(bob: Client, in_acme: Tenant) -> None:
    chain = execute(make_run(make_version(definitions.CHAIN)))
    branches = execute(make_run(make_version(definitions.BRANCHES)))

    nodes = {each["node"]: each for each in compare(bob, chain, branches)["nodes"]}

    assert nodes["start"]["output_same"]
    assert (nodes["two"]["right"], nodes["joined"]["left"]) == (None, None)


# -- who may ----------------------------------------------------------------------------------------------------------


def test_another_tenant_sees_nothing(mallory: Client, bob: Client, chained: Run) -> None:
    problem(mallory.get(of(chained, "fork?at=two")), 404, "not_found")
    problem(post(mallory, of(chained, "fork"), at="two"), 404, "not_found")
    problem(post(mallory, of(chained, "replay")), 404, "not_found")
    problem(mallory.get(of(chained, f"compare?with={chained.pk}")), 404, "not_found")


def test_each_needs_its_permission(in_acme: Tenant, chained: Run) -> None:
    viewer = factories.make_program(
        factories.make_member(tenant=in_acme, role=Role.OPERATOR), Permission.RUN_VIEW
    )

    problem(post(viewer, of(chained, "fork"), at="two"), 403, "permission_missing")
    problem(post(viewer, of(chained, "replay")), 403, "permission_missing")
    problem(viewer.get(of(chained, "compare")), 422, "validation_failed")
