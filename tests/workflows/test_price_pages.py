"""Prices by page and API: what holds when, one more, the end of one, and sheets, taken over whole or not at all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils.timezone import now

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tests.workflows.models_of_tests import make_deployment
from workflows import model_groups, price_sheet
from workflows.errors import PriceInvalid, PriceSheetInvalid
from workflows.models import Deployment, Price
from workflows.providers import prices, register, routes
from workflows.providers.errors import PriceUnknown

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
JSON = "application/json"
PAGE = "/settings/prices/"
API = "/api/v1"
HEAD = "deployment,input_per_million,output_per_million,currency,valid_from\n"


@pytest.fixture(autouse=True)
def deployment(acme: Tenant) -> Deployment:
    with tenant_context(acme):
        return make_deployment(micros=1_000_000)


def in_days(days: int) -> datetime:
    return (now() + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def count_prices(acme: Tenant) -> int:
    with tenant_context(acme):
        return Price.objects.count()


# -- the rules ----------------------------------------------------------------------------------------


def test_a_price_in_the_past_is_followed_and_never_changed(
    acme: Tenant, deployment: Deployment
) -> None:
    with tenant_context(acme), pytest.raises(PriceInvalid, match="only followed"):
        register.set_price(
            deployment=deployment,
            input_micros_per_million=1,
            output_micros_per_million=1,
            valid_from=now() - timedelta(minutes=1),
            by=SYSTEM,
        )

    assert count_prices(acme) == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"input_micros_per_million": -1},
        {"output_micros_per_million": 10**16},
        {"currency": "eur"},
        {"valid_from": datetime(9999, 12, 31, tzinfo=UTC)},
    ],
)
def test_what_is_no_price_is_refused(
    acme: Tenant, deployment: Deployment, facts: dict[str, Any]
) -> None:
    price = {"input_micros_per_million": 1, "output_micros_per_million": 1}
    with tenant_context(acme), pytest.raises(PriceInvalid):
        register.set_price(deployment=deployment, by=SYSTEM, **price | facts)

    assert count_prices(acme) == 1


def test_from_the_end_of_a_price_on_nothing_may_be_spent(
    acme: Tenant, deployment: Deployment
) -> None:
    at = now() + timedelta(days=2)
    with tenant_context(acme):
        target = routes.to_target(deployment)
        register.end_price(deployment=deployment, valid_from=at, by=SYSTEM)

        before = prices.cost(target, tokens_in=10, tokens_out=0, at=at - timedelta(seconds=1))
        with pytest.raises(PriceUnknown):
            prices.cost(target, tokens_in=10, tokens_out=0, at=at)
        with pytest.raises(PriceUnknown):  # also where somebody holds the row itself
            prices.cost_at(routes.read().price_of(target, at), tokens_in=1, tokens_out=1)  # type: ignore[arg-type]
        with pytest.raises(PriceInvalid, match="nothing to end"):
            register.end_price(deployment=deployment, valid_from=at, by=SYSTEM)
        model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
        register.end_price(deployment=deployment, by=SYSTEM)
        described = model_groups.describe(["default"])

        assert before.micros == 10
        assert described["default"][0]["price"] is None
        assert LedgerEntry.objects.filter(event="price.ended").count() == 2


def test_a_price_has_both_amounts_or_none(acme: Tenant, deployment: Deployment) -> None:
    with tenant_context(acme), pytest.raises(IntegrityError), transaction.atomic():
        Price.objects.create(
            deployment=deployment,
            valid_from=now(),
            input_micros_per_million=1,
            **Price.authorship(SYSTEM),
        )


# -- pages --------------------------------------------------------------------------------------------


def test_page_shows_what_holds_what_comes_and_what_is_over(
    acme: Tenant, deployment: Deployment, bob: Client
) -> None:
    with tenant_context(acme):
        for micros, days in ((9_000_000, 3), (8_000_000, 3), (5_000_000, None)):
            register.set_price(
                deployment=deployment,
                input_micros_per_million=micros,
                output_micros_per_million=0,
                valid_from=in_days(days) if days else None,
                by=SYSTEM,
            )
        make_deployment(name="other")
        register.end_price(deployment=Deployment.objects.get(name="other"), by=SYSTEM)

    shown = bob.get(PAGE).content.decode()
    of_one = bob.get(f"{PAGE}?deployment=small-eu").content.decode()

    assert shown.count("Unknown: denied") == 1
    assert "no price: denied" in shown
    assert "no price: denied" not in of_one
    assert "replaced before it began" in of_one
    for words in ("€8.00", "To come", "In force", "Over"):
        assert words in of_one
    assert "Add a price" not in shown
    assert bob.get(f"{PAGE}?deployment=nobody").status_code == 404


def test_a_price_is_added_and_ended_by_page(
    acme: Tenant, deployment: Deployment, alice: Client
) -> None:
    typed = {
        "deployment": "small-eu",
        "input_micros_per_million": "2.50",
        "output_micros_per_million": "10",
        "currency": "EUR",
    }
    later = {"valid_from": in_days(5).date().isoformat()}

    added = [alice.post(f"{PAGE}add/", typed), alice.post(f"{PAGE}add/", typed | later)]
    ended = alice.post(f"{PAGE}end/", {"end-deployment": "small-eu"})

    assert [each.status_code for each in (*added, ended)] == [302] * 3
    with tenant_context(acme):
        at = in_days(5)
        target = routes.to_target(deployment)
        price = prices.get_price(target, at)
        assert (price.input_micros_per_million, price.valid_from) == (2_500_000, at)
        assert prices.find_price(target, now()) is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"deployment": "nobody"}, "There is no such deployment."),
        ({"input_micros_per_million": "2,50"}, "Write an amount like 2.50"),
        ({"output_micros_per_million": ""}, "required"),
        ({"currency": "Euro"}, "three capital letters"),
        ({"valid_from": "tomorrow"}, "Write a day like"),
        ({"valid_from": "2020-01-31"}, "only followed"),
        ({"valid_from": "9999-12-31"}, "within ten years"),
    ],
)
def test_what_is_no_price_is_named_at_its_field(
    acme: Tenant, alice: Client, typed: dict[str, str], said: str
) -> None:
    right = {
        "deployment": "small-eu",
        "input_micros_per_million": "1",
        "output_micros_per_million": "1",
        "currency": "EUR",
    }

    answer = alice.post(f"{PAGE}add/", right | typed)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert count_prices(acme) == 1


def test_what_has_no_price_cannot_end(acme: Tenant, alice: Client) -> None:
    alice.post(f"{PAGE}end/", {"end-deployment": "small-eu"})

    again = alice.post(f"{PAGE}end/", {"end-deployment": "small-eu"})

    assert again.status_code == 422
    assert "nothing to end" in again.content.decode()


def test_a_sheet_is_checked_first_and_taken_over_when_that_is_said(
    acme: Tenant, alice: Client
) -> None:
    text = f"{HEAD}small-eu,2.50,10,EUR,\nsmall-eu,3,12,EUR,{in_days(9).date()}\n"

    checked = alice.post(f"{PAGE}import/", {"text": text})
    before = count_prices(acme)
    file = SimpleUploadedFile("prices.csv", text.encode("utf-8-sig"))
    taken = alice.post(f"{PAGE}import/", {"file": file, "take": "on"})

    assert (checked.status_code, before) == (200, 1)
    assert "All 2 lines can be taken over" in checked.content.decode()
    assert taken.status_code == 302
    assert count_prices(acme) == 3


def test_one_bad_line_keeps_all_of_a_sheet_out(acme: Tenant, alice: Client) -> None:
    text = f"{HEAD}small-eu,2.50,10,EUR,\nnobody,1,1,EUR,\n\nsmall-eu,x,1,EUR,\n"

    answer = alice.post(f"{PAGE}import/", {"text": text, "take": "on"})
    shown = answer.content.decode()

    assert answer.status_code == 422
    assert "Line 3: There is no deployment “nobody”." in shown
    assert "Line 5: “x” is no amount in input_per_million" in shown
    assert count_prices(acme) == 1


def test_operators_see_and_do_not_touch(acme: Tenant, bob: Client) -> None:
    for deed in ("add", "end", "import"):
        assert bob.post(f"{PAGE}{deed}/", {}).status_code == 403


# -- sheets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nobody,1,1,EUR,", "no deployment “nobody”"),
        ("small-eu,,1,EUR,", "no amount in input_per_million"),
        ("small-eu,1,1e3,EUR,", "no amount in output_per_million"),
        ("small-eu,-1,1,EUR,", "no amount in input_per_million"),
        ("small-eu,1,1,euro,", "“euro” is no currency"),
        ("small-eu,1,1,EUR,soon", "“soon” is no day"),
        ("small-eu,1,1,EUR,2020-01-01", "only followed"),
        ("small-eu,1,1,EUR,9999-12-31T23:59:59-10:00", "within ten years"),
        ("small-eu,1,50,1,EUR,", "more cells than there are columns"),
        ("small-eu", "no amount in input_per_million"),
    ],
)
def test_each_bad_line_is_named(acme: Tenant, line: str, said: str) -> None:
    with tenant_context(acme):
        sheet = price_sheet.read(f"{HEAD}small-eu,1,1,EUR,\n{line}\n")

        (fault,) = sheet.faults
        assert fault.number == 3
        assert said in fault.sentence
        with pytest.raises(PriceSheetInvalid, match="line 3"):
            price_sheet.take(sheet=sheet, by=SYSTEM)
    assert count_prices(acme) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "“deployment” is missing"),
        (HEAD, "no price"),
        ("name,price\na,1\n", "“deployment” is missing"),
        (HEAD.replace("currency", "money"), "no column “money”"),
        (HEAD.replace("currency", "deployment"), "twice"),
        (HEAD + '"small-eu,1,1,EUR,\n', "not a sheet"),
        (HEAD + "x" * (price_sheet.MOST_BYTES + 1), "at most 1 MB"),
        (HEAD + "small-eu,1,1,EUR,\n" * (price_sheet.MOST_LINES + 1), "at most 5,000"),
    ],
)
def test_what_is_no_sheet_is_refused(acme: Tenant, text: str, said: str) -> None:
    with tenant_context(acme), pytest.raises(PriceSheetInvalid, match=said):
        price_sheet.read(text)


def test_semicolons_and_few_columns_will_do(acme: Tenant) -> None:
    text = "Deployment; output_per_million ;input_per_million\r\nsmall-eu;10;0.000001\r\n"
    with tenant_context(acme):
        (row,) = price_sheet.read(text).rows

    assert (row.input_micros, row.output_micros) == (1, 10_000_000)
    assert (row.currency, row.valid_from) == ("EUR", None)


def test_the_same_moment_twice_is_a_fault(acme: Tenant) -> None:
    with tenant_context(acme):
        sheet = price_sheet.read(f"{HEAD}small-eu,1,1,EUR,\nsmall-eu,2,2,EUR,\n")

    assert [fault.sentence for fault in sheet.faults] == [
        "Line 2 already has a price of “small-eu” from then on."
    ]


# -- API ----------------------------------------------------------------------------------------------


def send(client: Client, path: str, body: Any) -> Any:
    return client.post(f"{API}{path}", body, content_type=JSON)


def test_ends_and_the_whole_table_by_api(acme: Tenant, program: Client) -> None:
    ended = send(program, "/deployments/small-eu/prices/end", {})
    again = send(program, "/deployments/small-eu/prices/end", {})
    past = send(
        program,
        "/deployments/small-eu/prices",
        {
            "input_micros_per_million": 1,
            "output_micros_per_million": 1,
            "valid_from": "2020-01-01T00:00:00Z",
        },
    )
    table = program.get(f"{API}/prices").json()["items"]

    assert (ended.status_code, again.status_code, past.status_code) == (201, 422, 422)
    assert past.json()["code"] == "price_invalid"
    assert ended.json()["input_micros_per_million"] is None
    assert [(each["deployment"], each["input_micros_per_million"]) for each in table] == [
        ("small-eu", None),
        ("small-eu", 1_000_000),
    ]
    assert send(program, "/deployments/nobody/prices/end", {}).status_code == 404


def test_import_by_api_is_a_dry_run_unless_it_says_otherwise(acme: Tenant, program: Client) -> None:
    good, bad = f"{HEAD}small-eu,2.50,10,USD,\n", f"{HEAD}small-eu,2.50,10,USD,\nnobody,1,1,,\n"

    checked = send(program, "/prices/import", {"csv": bad})
    refused = send(program, "/prices/import", {"csv": bad, "dry_run": False})
    before = count_prices(acme)
    taken = send(program, "/prices/import", {"csv": good, "dry_run": False})

    assert checked.json()["faults"] == [{"line": 3, "sentence": "There is no deployment “nobody”."}]
    assert checked.json()["items"][0]["input_micros_per_million"] == 2_500_000
    assert (refused.status_code, refused.json()["code"]) == (422, "price_sheet_invalid")
    assert refused.json()["lines"] == checked.json()["faults"]
    assert before == 1
    assert (taken.json()["taken"], count_prices(acme)) == (1, 2)
