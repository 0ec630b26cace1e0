"""Budgets by page and API: how full they are, new ones, what may be changed, and what is refused."""

from typing import Any

import pytest
from django.test import Client

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.workflows.models_of_tests import make_group
from workflows import budget_use, budgets
from workflows.models import Budget

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
JSON = "application/json"
API = "/api/v1/budgets"
EUR = 1_000_000
TYPED = {
    "name": "legal",
    "counted": "tenant:",
    "unit": "money",
    "amount": "250.00",
    "currency": "EUR",
    "period": "month",
    "hard_stop": "stop",
}


@pytest.fixture
def group(acme: Tenant) -> None:
    with tenant_context(acme):
        make_group()


def make_half_used(acme: Tenant) -> Budget:
    with tenant_context(acme):
        budget = budgets.create(name="legal", amount=10 * EUR, currency="EUR", by=SYSTEM)
        for micros, spent in ((6 * EUR, 5 * EUR), (2 * EUR, None), (9 * EUR, None)):
            budgets.reserve([budget.pk], micros=micros, tokens=1)
            if spent is not None:
                budgets.settle(
                    [budget.pk],
                    reserved_micros=micros,
                    spent_micros=spent,
                    reserved_tokens=1,
                    spent_tokens=1,
                )
        budget_use.tell()
    return budget


# -- pages --------------------------------------------------------------------------------------------


def test_list_shows_used_reserved_and_limit(acme: Tenant, bob: Client) -> None:
    make_half_used(acme)

    shown = bob.get("/budgets/").content.decode()

    for words in ("5.00 EUR", "2.00 EUR", "10.00 EUR", "50 %", "Used up", "a month"):
        assert words in shown
    assert '<rect width="50" height="8"/>' in shown
    assert '<rect class="held" x="50" width="20" height="8"/>' in shown
    assert "M50 0V8M80 0V8" in shown  # the marks
    assert "Add a budget" not in shown  # an operator looks on


def test_one_budget_tells_its_alerts_and_what_is_left(acme: Tenant, bob: Client) -> None:
    make_half_used(acme)

    shown = bob.get("/budgets/of/legal/").content.decode()

    assert "The budget “legal” has reached 50 %: 5.00 EUR of 10.00 EUR a month is used." in shown
    assert "3.00 EUR" in shown
    assert "Change the limit" not in shown
    assert bob.get("/budgets/of/nobody/").status_code == 404


def test_a_budget_is_added_changed_and_ended_by_page(acme: Tenant, alice: Client) -> None:
    added = alice.post("/budgets/add/", TYPED)
    changed = alice.post("/budgets/of/legal/change/", {"amount": "12.5", "hard_stop": "tell"})
    ended = alice.post("/budgets/of/legal/switch/", {"enabled": "off"})

    assert [each.status_code for each in (added, changed, ended)] == [302] * 3
    with tenant_context(acme):
        budget = Budget.objects.get()
        events = list(
            LedgerEntry.objects.filter(event__startswith="budget.").values_list("event", flat=True)
        )
    assert (budget.amount, budget.hard_stop, budget.enabled) == (12_500_000, False, False)
    assert sorted(events) == ["budget.changed", "budget.changed", "budget.created"]
    assert "Ended" in alice.get("/budgets/").content.decode()

    alice.post("/budgets/of/legal/switch/", {"enabled": "on"})
    with tenant_context(acme):
        assert Budget.objects.get().enabled


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize(
    ("counted", "scope", "name"),
    [
        ("provider:small-eu-provider", "provider", "small-eu-provider"),
        ("model_group:default", "model_group", "default"),
    ],
)
def test_a_budget_counts_what_is_chosen(
    acme: Tenant, alice: Client, counted: str, scope: str, name: str
) -> None:
    answer = alice.post(
        "/budgets/add/", TYPED | {"counted": counted, "unit": "tokens", "amount": "200000"}
    )

    assert answer.status_code == 302, answer.content
    with tenant_context(acme):
        budget = Budget.objects.with_scopes().get()
        assert (budget.scope, budget.counted_name) == (scope, name)
        assert (budget.unit, budget.amount, budget.currency) == ("tokens", 200_000, "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": "Legal Department"}, "begins with a letter"),
        ({"name": ""}, "required"),
        ({"amount": "a lot"}, "Write money like 12.50"),
        ({"amount": "12,50"}, "Write money like 12.50"),
        ({"amount": "-1"}, "Write money like 12.50"),
        ({"amount": "12.1234567"}, "Write money like 12.50"),
        ({"unit": "tokens", "amount": "12.5"}, "whole number"),
        ({"unit": "tokens", "amount": str(10**15 + 1)}, "10^15 tokens"),
        ({"currency": ""}, "Say in which currency"),
        ({"currency": "euro"}, "three capital letters"),
        ({"counted": "provider:nobody"}, "not among the choices"),
        ({"period": "week"}, "not among the choices"),
    ],
)
def test_what_is_no_budget_is_named_at_its_field(
    acme: Tenant, alice: Client, typed: dict[str, str], said: str
) -> None:
    answer = alice.post("/budgets/add/", TYPED | typed)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    with tenant_context(acme):
        assert not Budget.objects.exists()


def test_a_name_is_given_once(acme: Tenant, alice: Client) -> None:
    alice.post("/budgets/add/", TYPED)

    again = alice.post("/budgets/add/", TYPED | {"amount": "1"})

    assert again.status_code == 422
    assert "already a budget “legal”" in again.content.decode()


def test_a_limit_that_is_none_changes_nothing(acme: Tenant, alice: Client) -> None:
    alice.post("/budgets/add/", TYPED)

    answer = alice.post("/budgets/of/legal/change/", {"amount": "", "hard_stop": "stop"})

    assert answer.status_code == 422
    with tenant_context(acme):
        assert Budget.objects.get().amount == 250 * EUR


def test_operators_see_and_do_not_touch(acme: Tenant, alice: Client, bob: Client) -> None:
    alice.post("/budgets/add/", TYPED)

    assert bob.post("/budgets/add/", TYPED | {"name": "mine"}).status_code == 403
    assert bob.post("/budgets/of/legal/change/", {"amount": "9999"}).status_code == 403
    assert bob.post("/budgets/of/legal/switch/", {"enabled": "off"}).status_code == 403
    with tenant_context(acme):
        assert Budget.objects.get().enabled


# -- API ----------------------------------------------------------------------------------------------


def send(client: Client, method: str, path: str, body: Any) -> Any:
    return getattr(client, method)(f"{API}{path}", body, content_type=JSON)


def test_from_new_to_ended_by_api(acme: Tenant, program: Client) -> None:
    made = send(program, "post", "", {"name": "all", "amount": "12.50", "currency": "EUR"})
    changed = send(program, "patch", "/all", {"amount": "20", "hard_stop": False})
    ended = send(program, "patch", "/all", {"enabled": False})

    assert made.status_code == 201, made.content
    assert made["Location"] == f"{API}/all"
    told = made.json()
    assert (told["amount"], told["used"], told["left"]) == ("12.50", "0.00", "12.50")
    assert (told["scope"], told["state"], told["percent"]) == ("tenant", "open", 0)
    assert (changed.json()["amount"], changed.json()["hard_stop"]) == ("20.00", False)
    assert ended.json()["state"] == "ended"
    assert program.get(f"{API}/all").json() == ended.json()
    assert program.get(API).json()["items"] == [ended.json()]
    assert program.get(f"{API}/nobody").status_code == 404


def test_api_tells_what_is_used_and_reserved(acme: Tenant, program: Client) -> None:
    make_half_used(acme)

    told = program.get(f"{API}/legal").json()

    assert (told["used"], told["reserved"], told["left"]) == ("5.00", "2.00", "3.00")
    assert (told["percent"], told["refused"], told["state"]) == (50, 1, "used_up")


def test_a_list_is_read_in_pages(acme: Tenant, program: Client) -> None:
    with tenant_context(acme):
        for name in ("c", "a", "b"):
            budgets.create(name=name, amount=EUR, currency="EUR", by=SYSTEM)

    first = program.get(f"{API}?limit=2").json()
    second = program.get(f"{API}?limit=2&cursor={first['next_cursor']}").json()

    assert [each["name"] for each in first["items"] + second["items"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"scope": "provider", "counts": "nobody"}, "A provider “nobody” does not exist"),
        ({"scope": "secret", "counts": "nothing"}, "A secret “nothing” does not exist"),
        ({"scope": "workflow"}, "does not exist"),
        ({"counts": "everything"}, "names nothing"),
        ({"currency": ""}, "three capital letters"),
        ({"unit": "tokens"}, "Tokens have no currency"),
        ({"unit": "tokens", "currency": "", "amount": "1.5"}, "whole number"),
        ({"amount": "9999999999999999"}, "Write money like 12.50"),
        ({"amount": "-3"}, ""),
        ({"period": "year"}, ""),
    ],
)
def test_what_is_no_budget_is_refused_by_api(
    acme: Tenant, program: Client, body: dict[str, Any], said: str
) -> None:
    refused = send(program, "post", "", {"name": "x", "amount": "1", "currency": "EUR"} | body)

    assert refused.status_code == 422, refused.content
    assert said in refused.json()["detail"]
    with tenant_context(acme):
        assert not Budget.objects.exists()


def test_mallory_finds_nothing(acme: Tenant, beta: Tenant) -> None:
    make_half_used(acme)
    mallory = factories.make_program(factories.make_member(tenant=beta, role=Role.ADMIN))

    assert mallory.get(f"{API}/legal").status_code == 404
    assert send(mallory, "patch", "/legal", {"amount": "1"}).status_code == 404
    assert mallory.get(API).json()["items"] == []
