"""The page of a run in which there are containers, failures that go on, and far more executions than rows."""

import re
from dataclasses import dataclass
from functools import cache

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from runs.models import NodeExecution, Run
from tenancy.context import tenant_context
from tenancy.models import Tenant, new_id
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_tenant
from tests.runs import rich_definitions as rich
from tests.runs.making import finish, make_run, make_version, running_executor

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
STATEMENTS_AT_MOST = 45


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Made once: nothing here changes it, and tests with real commits leave their tenants behind."""

    tenant: Tenant
    bodies: Run
    children: Run
    nested: Run
    many: Run


@pytest.fixture
def bank(transactional_db: None) -> Bank:
    return _open_bank()


@pytest.fixture
def bob(bank: Bank) -> Client:
    return make_client(make_member(tenant=bank.tenant, role=Role.OPERATOR))


@pytest.fixture
def carol(bank: Bank) -> Client:
    return make_client(make_member(tenant=bank.tenant, role=Role.AUDITOR))


@cache
def _open_bank() -> Bank:
    tenant = make_tenant(name="Acme Bank")
    with tenant_context(tenant), running_executor():
        many = make_version(rich.MANY.replace("{numbers}", str(list(range(70)))))
        runs = [
            make_run(make_version(rich.BODIES), n=1, text="A loan, please."),
            make_run(make_version(rich.CHILDREN)),
            make_run(make_version(rich.NESTED), n=5),
            make_run(many),
        ]
        bodies, children, nested, large = [finish(run) for run in runs]
        _fill(large)
    return Bank(tenant=tenant, bodies=bodies, children=children, nested=nested, many=large)


def _fill(run: Run) -> None:
    """Write a run of 70 entries up to 2,500 of them, with two nodes each."""
    written = NodeExecution.objects.filter(run=run, node_id__in=["each[1].double", "each[1].keep"])
    NodeExecution.objects.bulk_create(
        _as_entry(row, place) for place in range(70, 2_500) for row in written
    )


def test_rounds_are_shown_in_order_with_their_verdicts(bank: Bank, bob: Client) -> None:
    text = _text(bob, bank.bodies, node="improve")

    told = re.findall(r"Round (\d).{0,400}?(Accepted|Rejected)", text, re.DOTALL)
    assert told[:3] == [("1", "Rejected"), ("2", "Rejected"), ("3", "Accepted")]


def test_a_node_in_a_body_shows_what_the_container_gave_it(bank: Bank, bob: Client) -> None:
    page = bob.get(f"/runs/{bank.bodies.pk}/", {"node": "each[1].draft"}).context["page"]
    third = bob.get(f"/runs/{bank.bodies.pk}/", {"node": "improve[2].write"}).context["page"]

    assert page.panel.inputs == {"claim": "card", "index": 1}
    assert page.panel.output == {"about": "card", "place": 1}
    assert third.panel.inputs == {"round": 3, "previous": "answer"}
    assert [inside.title for inside in third.insides] == ["Inside Improve, round 3"]


def test_a_small_run_shows_all_rows_and_folds_nothing(bank: Bank, bob: Client) -> None:
    rows = bob.get(f"/runs/{bank.bodies.pk}/").context["page"].rows

    assert [row.title for row in rows if row.level == 1][:4] == [f"Entry {n}" for n in range(4)]
    assert not [row for row in rows if row.fold]
    failed = [row.title for row in rows if row.state == "failed"]
    assert failed == ["Entry 2"]


def test_what_failed_and_how_the_run_went_on_is_explained(bank: Bank, bob: Client) -> None:
    text = _text(bob, bank.bodies)

    assert "This run came to its end although something failed" in text
    assert "The run went on with what the definition gives in its place." in text
    assert "Entry 2 was left out: Each claim allows for failures." in text


def test_a_skipped_node_shows_the_comparison_to_those_who_may_see_it(
    bank: Bank, bob: Client, carol: Client
) -> None:
    seen, unseen = _text(bob, bank.bodies, node="urgent"), _text(carol, bank.bodies, node="urgent")

    assert "the condition on its edge from" in seen
    assert "{{ lookup.found }}" in seen
    assert "the condition on its edge from" in unseen
    assert "{{ lookup.found }}" not in unseen


def test_the_early_response_is_for_those_who_may_see_payloads(
    bank: Bank, bob: Client, carol: Client
) -> None:
    assert "Answered early" in _text(carol, bank.bodies)
    assert "See the response" not in _text(carol, bank.bodies)
    shown = bob.get(f"/runs/{bank.bodies.pk}/payloads/")
    assert shown.context["early"] == {"accepted": True, "rounds": 3, "value": "answer"}


def test_child_runs_are_links_with_their_state(bank: Bank, bob: Client) -> None:
    run = bank.children
    with tenant_context(bank.tenant):
        children = list(run.children.order_by("id"))

    page = bob.get(f"/runs/{run.pk}/", {"node": "each"})

    assert len(children) == 3
    for child in children:
        assert f'href="/runs/{child.pk}/"' in page.content.decode()
    below = bob.get(f"/runs/{children[1].pk}/").context["page"]
    assert below.family.parent == run
    assert [node.id for node in below.picture.nodes] == ["visit", "report"]


def test_input_of_a_node_in_a_child_run_is_what_its_body_was_given(bank: Bank, bob: Client) -> None:
    with tenant_context(bank.tenant):
        child = bank.children.children.get(parent_node="each[1].run")

    page = bob.get(f"/runs/{child.pk}/", {"node": "visit"}).context["page"]

    assert page.panel.inputs == {"item": "Graz"}


def test_containers_in_containers_are_shown_level_by_level(bank: Bank, bob: Client) -> None:
    page = bob.get(f"/runs/{bank.nested.pk}/", {"node": "each[1].polish[1].write"}).context["page"]

    assert [(row.level, row.title) for row in page.rows][:8] == [
        (0, "Start"),
        (0, "Each letter"),
        (1, "Entry 0"),
        (2, "Polish"),
        (3, "Round 1"),
        (4, "Write"),
        (3, "Round 2"),
        (4, "Write"),
    ]
    assert page.panel.inputs == {"letter": "second", "round": 2, "start": {"n": 5}}
    assert page.panel.where == "Write in round 2 of Polish in entry 1 of Each letter"
    assert [inside.title for inside in page.insides] == [
        "Inside Each letter, entry 1",
        "Inside Polish in entry 1 of Each letter, round 2",
    ]
    assert [row.state for row in page.rows if row.title.startswith("Round")] == [
        "rejected",
        "accepted",
    ] * 2


def test_a_large_run_is_folded_and_unfolds_in_pages(bank: Bank, bob: Client) -> None:
    folded = bob.get(f"/runs/{bank.many.pk}/").context["page"]
    first = bob.get(f"/runs/{bank.many.pk}/", {"open": "each:0"}).context["page"]
    deep = bob.get(f"/runs/{bank.many.pk}/", {"open": "each:2480"}).context["page"]

    assert [row.title for row in folded.rows] == ["Start", "Each number", "Result"]
    assert [row.title for row in first.rows if row.level == 1][:2] == ["Entry 0", "Entry 1"]
    assert first.rows[-2].pages[0][0] == "Later"
    assert next(row.title for row in deep.rows if row.level == 1) == "Entry 2,480"
    assert deep.rows[-2].title == "2,480 to 2,499 of 2,500"
    assert [words for words, _ in deep.rows[-2].pages] == ["Earlier"]


def test_a_node_deep_in_a_large_run_is_found_by_its_address(bank: Bank, bob: Client) -> None:
    page = bob.get(f"/runs/{bank.many.pk}/", {"node": "each[2001].keep"}).context["page"]

    assert page.selected == "each[2001].keep"
    assert [row.title for row in page.rows if row.selected] == ["Keep"]


@pytest.mark.parametrize("query", ["", "open=each:1200", "node=each[1300].keep", "scale=wall"])
def test_statements_and_rows_are_bounded_however_large_the_run(
    bank: Bank, bob: Client, query: str
) -> None:
    asked = {}
    for run in (bank.many, bank.bodies):
        with CaptureQueriesContext(connection) as statements:
            page = bob.get(f"/runs/{run.pk}/?{query}")
        asked[run.pk] = len(statements)
        assert page.status_code == 200

    with tenant_context(bank.tenant):
        assert bank.many.node_executions.count() > 5_000
    assert asked[bank.many.pk] <= STATEMENTS_AT_MOST
    assert asked[bank.bodies.pk] <= STATEMENTS_AT_MOST
    assert len(bob.get(f"/runs/{bank.many.pk}/?{query}").context["page"].rows) < 80


@pytest.mark.parametrize(
    "query",
    ["open=each:x", "open=each:-3", "open=nothing:0", "open=:", "node=each[9", "node=nothing", "open=each:9999999"],
)  # fmt: skip
def test_addresses_that_make_no_sense_show_the_page(bank: Bank, bob: Client, query: str) -> None:
    for run in (bank.bodies, bank.many):
        assert bob.get(f"/runs/{run.pk}/?{query}").status_code == 200


def _text(client: Client, run: Run, **asked: str) -> str:
    page = client.get(f"/runs/{run.pk}/", asked)
    assert page.status_code == 200
    return page.content.decode()


def _as_entry(row: NodeExecution, place: int) -> NodeExecution:
    node = row.node_id.rpartition(".")[2]
    return NodeExecution(
        id=new_id(),
        tenant_id=row.tenant_id,
        run_id=row.run_id,
        node_id=f"each[{place}].{node}",
        kind=row.kind,
        status=row.status,
        started_at=now(),
        finished_at=now(),
    )
