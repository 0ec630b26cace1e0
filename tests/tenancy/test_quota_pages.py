"""Quotas by page and API: everybody sees them, admins set them."""

from typing import Any

import pytest
from django.test import Client

from tenancy import quotas
from tenancy.context import tenant_context
from tenancy.models import QuotaUse, Tenant
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

PATH = "/api/v1/quotas"
LIMITS: dict[str, Any] = {
    "concurrent_runs": 5,
    "when_full": "queue",
    "runs_per_hour": None,
    "money": {"amount": "12.50", "currency": "EUR", "period": "day"},
    "reason": "Their contract.",
}


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


@pytest.fixture
def bob(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))


def put(client: Client, **changes: Any) -> Any:
    return client.put(PATH, LIMITS | changes, content_type="application/json")


def test_api_sets_limits_and_shows_them_against_their_use(alice: Client, acme: Tenant) -> None:
    before = alice.get(PATH).json()
    after = put(alice).json()

    assert before["in_force"]["number"] == 0
    assert before["in_use"]["concurrent_runs"] == {"used": 0, "limit": None, "frees_at": None}
    told = after["in_force"]
    assert (told["number"], told["concurrent_runs"], told["when_full"]) == (1, 5, "queue")
    assert told["money"] == {"amount": "12.50", "currency": "EUR", "period": "day"}
    (money,) = after["in_use"]["money"]
    assert money["used"] == {"amount": "0.00", "currency": "EUR"}
    assert money["limit"] == {"amount": "12.50", "currency": "EUR"}
    with tenant_context(acme):
        assert quotas.limits_of(quotas.find_quota()).money_micros == 12_500_000


def test_a_put_says_all_limits(alice: Client) -> None:
    put(alice)

    cleared = alice.put(PATH, {"reason": "No limits."}, content_type="application/json").json()

    assert cleared["in_force"]["concurrent_runs"] is None
    assert cleared["in_force"]["money"] is None
    revisions = alice.get(f"{PATH}/revisions").json()["items"]
    assert [(each["number"], each["reason"]) for each in revisions] == [
        (2, "No limits."),
        (1, "Their contract."),
    ]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"concurrent_runs": -1}, "#/concurrent_runs"),
        ({"concurrent_runs": 2**31}, "#/concurrent_runs"),
        ({"when_full": "perhaps"}, "#/when_full"),
        ({"reason": ""}, "#/reason"),
        ({"money": {"amount": "1,5", "currency": "EUR", "period": "day"}}, "#/money/amount"),
        ({"money": {"amount": "-1", "currency": "EUR", "period": "day"}}, "#/money/amount"),
        ({"money": {"amount": "1", "currency": "euro", "period": "day"}}, "#/money/currency"),
        ({"money": {"amount": "1", "currency": "EUR", "period": "year"}}, "#/money/period"),
    ],
)
def test_api_names_what_is_wrong(alice: Client, changes: dict[str, Any], pointer: str) -> None:
    answer = put(alice, **changes)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_members_see_and_do_not_set(bob: Client) -> None:
    assert bob.get(PATH).status_code == 200
    assert put(bob).status_code == 403
    assert bob.post("/settings/quotas/set/", {}).status_code == 403
    page = bob.get("/settings/quotas/")
    assert page.status_code == 200
    assert "Set limits" not in page.content.decode()


def test_page_sets_limits_and_shows_how_full_they_are(alice: Client, acme: Tenant) -> None:
    answer = alice.post(
        "/settings/quotas/set/",
        {
            "concurrent_runs": "5",
            "when_full": "refuse",
            "runs_per_hour": "200",
            "money": "12.5",
            "money_currency": "EUR",
            "money_period": "day",
            "reason": "Their contract.",
        },
    )
    with tenant_context(acme):
        hour = quotas.in_use(quotas.Limits())[1].frees_at
        assert hour is not None
        QuotaUse.objects.create(unit="EUR", hour=hour, used=11_000_000)
        QuotaUse.objects.create(unit="run", hour=hour.replace(minute=0), used=0)

    text = alice.get("/settings/quotas/").content.decode()

    assert answer.status_code == 302
    assert "€12.50 a day" in text
    assert "Their contract." in text
    assert "88 %" in text
    assert 'style="' not in text


def test_form_comes_back_with_what_is_missing(alice: Client) -> None:
    page = alice.post("/settings/quotas/set/", {"money": "5", "when_full": "refuse"})

    text = page.content.decode()
    assert page.status_code == 422
    assert "An amount of money needs this." in text
    assert "Reason" in text
