"""Pages about what becomes of a run that has ended: fork, replay, compare, and the marks on the list."""

import json
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.timezone import now

from runs import start
from runs.models import Decision, Run, RunFacts, ToolCall
from runs.views import lineage
from tenancy import actors
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.runs import definitions as small
from tests.runs import rich_definitions as rich
from tests.runs.making import execute, make_run, make_version
from workflows import definitions, versions
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def chain(in_acme: Tenant) -> Run:
    return execute(make_run(make_version(small.CHAIN), n=7))


@pytest.fixture
def bob(in_acme: Tenant) -> Client:
    return make_client(make_member(tenant=in_acme, role=Role.OPERATOR))


@pytest.fixture
def carol(in_acme: Tenant) -> Client:
    return make_client(make_member(tenant=in_acme, role=Role.AUDITOR))


def test_the_page_of_a_fork_says_what_is_taken_over_and_what_runs_again(
    chain: Run, bob: Client
) -> None:
    page = bob.get(f"/runs/{chain.pk}/fork/?at=two")

    assert page.context["reused"] == ["Start", "One"]
    assert page.context["again"] == ["Two", "Result"]


def test_a_fork_is_started_once_however_often_it_is_sent(chain: Run, bob: Client) -> None:
    asked = {"at": "two", "version": "1", "once": str(uuid4()), "purpose": "what_if"}

    first = bob.post(f"/runs/{chain.pk}/fork/", asked)
    again = bob.post(f"/runs/{chain.pk}/fork/", asked)

    assert first.status_code == 302
    assert first.headers["Location"] == again.headers["Location"]
    text = bob.get(first.headers["Location"]).content.decode()
    assert '<span class="tag">What-if</span>' in text
    assert f'href="/runs/{chain.pk}/"' in text
    assert "What-if" in bob.get(f"/runs/{chain.pk}/").content.decode()


def test_what_would_be_done_outside_once_more_needs_a_word_and_a_reason(
    chain: Run, bob: Client
) -> None:
    make_effect(chain)
    asked = {"at": "two", "version": "1", "once": str(uuid4())}
    address = f"/runs/{chain.pk}/fork/"

    page = bob.get(f"{address}?at=two").content.decode()
    silent = bob.post(address, asked)
    said = bob.post(address, asked | {"confirm": "on", "reason": "The first one got lost."})

    assert "Done outside once more" in page
    assert "ledger-of-the-bank" in page
    assert silent.status_code == 422
    assert "Confirm that these calls may be made once more." in silent.content.decode()
    assert said.status_code == 302


def test_a_node_in_a_body_can_be_where_a_fork_begins(in_acme: Tenant, bob: Client) -> None:
    run = execute(make_run(make_version(rich.BODIES), text="A loan, please.", n=1))

    page = bob.get(f"/runs/{run.pk}/fork/", {"at": "improve[1].critic"})

    assert page.status_code == 200
    assert "Critic in round 2 of Improve" in page.content.decode()


def test_a_run_that_has_not_ended_is_not_forked(chain: Run, bob: Client) -> None:
    with tenant_context(chain.tenant):
        waiting = make_run(WorkflowVersion.objects.get(pk=chain.version_id))

    page = bob.get(f"/runs/{waiting.pk}/fork/")

    assert page.status_code == 409
    assert "then fork it" in page.content.decode()


def test_a_replay_says_that_it_comes_out_the_same(chain: Run, bob: Client) -> None:
    page = bob.post(f"/runs/{chain.pk}/replay/", {"version": "1"})

    assert page.status_code == 200
    assert "It comes out the same." in page.content.decode()


def test_what_if_names_the_first_node_that_comes_out_otherwise(chain: Run, bob: Client) -> None:
    with tenant_context(chain.tenant):
        publish_next(chain, "{n: one.n}", "{n: `0`}")

    page = bob.post(f"/runs/{chain.pk}/replay/", {"version": "2"})

    text = page.content.decode()
    assert page.context["is_what_if"]
    assert "With this it would have come out otherwise." in text
    assert page.context["report"].first.node == "two"


def test_a_replay_is_only_for_those_who_may_see_payloads(chain: Run, carol: Client) -> None:
    assert carol.get(f"/runs/{chain.pk}/replay/").status_code == 403


def test_two_runs_are_compared_node_by_node(chain: Run, bob: Client, carol: Client) -> None:
    with tenant_context(chain.tenant):
        other = execute(make_run(WorkflowVersion.objects.get(pk=chain.version_id), n=8))

    seen = bob.get(f"/runs/{chain.pk}/compare/", {"with": str(other.pk)})
    unseen = carol.get(f"/runs/{chain.pk}/compare/", {"with": str(other.pk)})

    assert "4 of 4 nodes differ" in seen.content.decode()
    assert "No node differs." in unseen.content.decode()
    assert "Your role does not show content" in unseen.content.decode()
    assert str(other.pk) in bob.get(f"/runs/{chain.pk}/compare/").content.decode()


def test_a_long_comparison_comes_in_parts_in_the_order_of_the_graph(
    chain: Run, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "PAIRS_A_PART", 3)
    other = execute(make_run(chain.version, n=9))
    address = f"/runs/{chain.pk}/compare/?with={other.pk}&show=all"

    first, second = bob.get(address), bob.get(f"{address}&part=2")

    shown = [[row.pair.node for row in page.context["rows"]] for page in (first, second)]
    assert shown == [["start", "one", "two"], ["result"]]
    assert "3 of 4 nodes" in first.content.decode()
    assert "show=all&amp;part=2" in first.content.decode()


def test_of_a_long_replay_only_what_is_not_the_same_is_listed(
    chain: Run, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "ALL_UP_TO", 3)

    page = bob.post(f"/runs/{chain.pk}/replay/", {"version": "1"})

    assert page.context["nodes"] == []
    assert page.context["report"].counts["same"] == 4
    assert "4 that are the same, or were taken over, are left out." in page.content.decode()


def test_two_runs_of_the_list_are_ticked_to_be_compared(chain: Run, bob: Client) -> None:
    with tenant_context(chain.tenant):
        other = execute(make_run(WorkflowVersion.objects.get(pk=chain.version_id), n=8))

    two = bob.get("/runs/compare/", {"run": [str(other.pk), str(chain.pk)]})
    one = bob.get("/runs/compare/", {"run": [str(chain.pk)]}, follow=True)

    assert two.headers["Location"] == f"/runs/{chain.pk}/compare/?with={other.pk}"
    assert "Tick exactly two runs" in one.content.decode()
    assert bob.get("/runs/compare/", {"run": ["a", "b"]}).status_code == 404
    assert bob.get(f"/runs/{chain.pk}/compare/", {"with": "nothing"}).status_code == 404


def test_child_runs_are_left_out_of_the_list_unless_asked_for(in_acme: Tenant, bob: Client) -> None:
    run = execute(make_run(make_version(rich.CHILDREN)))
    child = str(run.children.order_by("id")[0].pk)

    assert child not in bob.get("/runs/").content.decode()
    assert child in bob.get("/runs/?children=shown").content.decode()
    below = bob.get(f"/runs/?parent={run.pk}")
    assert child in below.content.decode()
    assert len(below.context["page"].items) == 3
    assert bob.get("/runs/?parent=nothing").status_code == 400
    assert bob.get("/runs/?purpose=fun").status_code == 400


def test_tool_calls_are_shown_beside_model_calls(chain: Run, bob: Client) -> None:
    make_effect(chain)

    page = bob.get(f"/runs/{chain.pk}/?node=two")

    text = page.content.decode()
    assert "http_request at ledger-of-the-bank" in text
    assert [(use.tool, use.calls) for use in page.context["page"].tools] == [("http_request", 1)]


def test_a_budget_is_shown_with_what_is_left_of_it(in_acme: Tenant, bob: Client) -> None:
    version = make_version(small.CHAIN)
    run = start.start(version=version, run_input={"n": 1}, by=actors.SYSTEM, budget_micros=250_000)
    execute(run)
    RunFacts.objects.filter(root_run=run).update(spent_micros=41_200, reserved_micros=8_800)

    text = bob.get(f"/runs/{run.pk}/").content.decode()

    assert "of €0.25" in text
    assert "€0.20" in text
    assert "€0.0088 set aside" in text


def make_effect(run: Run) -> None:
    """On record: the last node has written something outside."""
    decision = Decision.objects.create(
        run=run,
        node_id="two",
        attempt=1,
        action_kind="tool_call",
        resource_kind="destination",
        resource_id="ledger-of-the-bank",
        verdict="allow",
        action={},
        action_digest="0" * 64,
        facts={},
        snapshot_id=run.snapshot_id,
        engine_us=1,
        at=now(),
    )
    ToolCall.objects.create(
        run=run,
        decision=decision,
        node_id="two",
        attempt=1,
        tool="http_request",
        destination="ledger-of-the-bank",
        effect="write",
        idempotent=False,
        idempotency_key="0" * 64,
        status="completed",
        request_digest="0" * 64,
        started_at=now(),
        finished_at=now(),
    )


def publish_next(run: Run, old: str, new: str) -> None:
    text = json.dumps(dict(run.version.revision.definition.spec))
    assert old in text
    revision = definitions.import_definition(text=text.replace(old, new), by=actors.SYSTEM)
    later = versions.create(revision=revision, by=actors.SYSTEM)
    versions.publish(version=later, by=actors.SYSTEM, reason="For a test.")
