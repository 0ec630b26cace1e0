"""Budgets: reserved in all or in none, exact under any number at once, begun anew with the day or month."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from compliance import alerts
from compliance.models import Alert
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant, new_id
from tests import factories
from tests.runs.making import in_threads, make_deployment
from workflows import budget_use, budgets, model_groups
from workflows.errors import BudgetInvalid, BudgetNotFound, NameTaken
from workflows.models import Budget, BudgetCounter, BudgetSettlement, RegisterEpoch

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

EUR = 1_000_000


def make_budget(name: str = "all", amount: int = 10 * EUR, **facts: Any) -> Budget:
    wanted: dict[str, Any] = {"name": name, "amount": amount, "currency": "EUR", "by": SYSTEM}
    return budgets.create(**wanted | facts)


def reserve(*found: Budget, micros: int = EUR, tokens: int = 100) -> UUID | None:
    return budgets.reserve([each.pk for each in found], micros=micros, tokens=tokens)


def settle(*found: Budget, reserved: int = EUR, spent: int = 0, tokens: int = 100) -> None:
    budgets.settle(
        [each.pk for each in found],
        reserved_micros=reserved,
        spent_micros=spent,
        reserved_tokens=tokens,
        spent_tokens=tokens,
    )


def use_of(budget: Budget) -> tuple[int, int]:
    (use,) = budget_use.uses([budget])
    return use.used, use.reserved


# -- reserve and settle -------------------------------------------------------------------------------


def test_what_would_pass_a_budget_is_not_reserved(in_acme: Tenant) -> None:
    budget = make_budget(amount=2 * EUR)

    assert reserve(budget) is None
    assert reserve(budget) is None
    assert reserve(budget, micros=1) == budget.pk
    assert reserve(budget, micros=0) is None  # what costs nothing needs no budget
    assert use_of(budget) == (0, 2 * EUR)


def test_what_was_not_used_is_given_back(in_acme: Tenant) -> None:
    budget = make_budget(amount=2 * EUR)
    reserve(budget)
    reserve(budget)

    settle(budget, spent=EUR // 4)

    assert use_of(budget) == (EUR // 4, EUR)
    assert reserve(budget, micros=EUR * 3 // 4) is None
    assert use_of(budget) == (EUR // 4, EUR * 7 // 4)
    assert not BudgetSettlement.objects.exists()  # folded by the reservation


def test_all_budgets_or_none_are_reserved_in(in_acme: Tenant) -> None:
    wide, narrow = make_budget(amount=5 * EUR), make_budget("narrow", amount=EUR)

    assert reserve(wide, narrow) is None
    assert reserve(wide, narrow) == narrow.pk
    assert use_of(wide) == (0, EUR)
    assert BudgetCounter.objects.get(budget=narrow).refused == 1


def test_a_budget_without_a_hard_stop_counts_and_stops_nothing(in_acme: Tenant) -> None:
    budget = make_budget(amount=EUR, hard_stop=False)

    assert reserve(budget, micros=3 * EUR) is None
    settle(budget, reserved=3 * EUR, spent=2 * EUR)

    assert use_of(budget) == (2 * EUR, 0)


def test_tokens_are_a_budget_too(in_acme: Tenant) -> None:
    budget = make_budget(amount=150, unit="tokens", currency="")

    assert reserve(budget, micros=10**14) is None
    assert reserve(budget) == budget.pk
    settle(budget, tokens=100)
    assert use_of(budget) == (100, 0)


def test_nothing_applies_where_there_is_no_budget(in_acme: Tenant) -> None:
    assert reserve() is None


def test_a_budget_that_does_not_exist_is_an_error(in_acme: Tenant) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        budgets.reserve([new_id()], micros=1, tokens=1)


def test_a_negative_reservation_is_an_error(in_acme: Tenant) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        reserve(make_budget(), micros=-1)


def test_another_tenants_budget_does_not_exist(acme: Tenant, beta: Tenant) -> None:
    with tenant_context(acme):
        budget = make_budget()
    with tenant_context(beta):
        with pytest.raises(DatabaseError), transaction.atomic():
            reserve(budget)
        settle(budget, spent=EUR)
    with tenant_context(acme):
        assert use_of(budget) == (0, 0)


# -- periods ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_new_period_begins_at_zero_with_what_is_under_way(in_acme: Tenant, period: str) -> None:
    budget = make_budget(amount=3 * EUR, period=period)
    reserve(budget, micros=2 * EUR)
    settle(budget, reserved=EUR, spent=EUR)
    reserve(budget)
    assert reserve(budget, micros=2 * EUR) == budget.pk
    settle(budget, spent=EUR)  # yesterday, and nobody looked since
    before = datetime.now(UTC) - timedelta(days=40)
    BudgetCounter.objects.update(since=before)
    with connection.cursor() as cursor:
        cursor.execute("SELECT grove_fold_budgets(%s::uuid[])", [[budget.pk]])
    BudgetCounter.objects.update(since=before, alerted=80, refused=3)

    assert reserve(budget) is None

    counter = BudgetCounter.objects.get()
    assert (counter.used, counter.reserved) == (0, 2 * EUR)
    assert (counter.alerted, counter.refused) == (0, 0)
    assert counter.since == budgets.span_of(period, datetime.now(UTC))[0]


def test_what_was_settled_before_midnight_counts_before_midnight(in_acme: Tenant) -> None:
    budget = make_budget(period="day")
    reserve(budget)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    BudgetCounter.objects.update(since=budgets.span_of("day", yesterday)[0])
    BudgetSettlement.objects.create(budget=budget, released=EUR, spent=EUR, at=yesterday)

    assert use_of(budget) == (0, 0)
    reserve(budget, micros=1)
    assert use_of(budget) == (0, 1)


def test_a_budget_in_all_never_begins_anew(in_acme: Tenant) -> None:
    budget = make_budget(period="total", amount=EUR)
    reserve(budget)
    settle(budget, spent=EUR)

    assert budgets.span_of("total", datetime.now(UTC))[1] is None
    assert reserve(budget, micros=1) == budget.pk


@pytest.mark.parametrize(
    ("period", "begins", "ends"),
    [
        ("day", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("total", datetime(2000, 1, 1, tzinfo=UTC), None),
    ],
)
def test_periods_are_those_of_the_database(
    in_acme: Tenant, period: str, begins: datetime, ends: datetime | None
) -> None:
    at = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)

    assert budgets.span_of(period, at) == (begins, ends)
    with connection.cursor() as cursor:
        cursor.execute("SELECT grove_period_start(%s, %s)", [period, at])
        assert cursor.fetchone()[0] == begins


# -- many at once -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_of_a_hundred_at_once_ten_get_what_is_there_for_ten() -> None:
    acme = factories.make_tenant(name="Acme Bank")
    with tenant_context(acme):
        budget, other = make_budget(amount=10 * EUR), make_budget("other", amount=1000 * EUR)

    def call(number: int) -> UUID | None:
        found = [budget, other] if number % 2 else [other, budget]
        with tenant_context(acme), transaction.atomic():
            return reserve(*found)

    results = in_threads(100, call)

    with tenant_context(acme):
        assert results.count(None) == 10
        assert results.count(budget.pk) == 90
        assert use_of(budget) == (0, 10 * EUR)
        assert use_of(other) == (0, 10 * EUR)
        assert BudgetCounter.objects.get(budget=budget).refused == 90


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_sums_even_out_while_calls_come_and_go() -> None:
    acme = factories.make_tenant(name="Acme Bank")
    with tenant_context(acme):
        found = [make_budget(f"budget-{n}", amount=20 * EUR) for n in range(4)]

    def work(number: int) -> int:
        spent = 0
        mine = [each for n, each in enumerate(found) if n != number % 4]
        with tenant_context(acme):
            for turn in range(5):
                with transaction.atomic():
                    refused = reserve(*mine)
                if refused is None:
                    cost = (number + turn) % 3 * 1000
                    with transaction.atomic():
                        settle(*mine, spent=cost)
                    spent += cost
                budget_use.tell()
        return spent

    spent = in_threads(16, work)

    with tenant_context(acme):
        for n, budget in enumerate(found):
            mine = sum(each for number, each in enumerate(spent) if number % 4 != n)
            assert use_of(budget) == (mine, 0)


# -- thresholds ---------------------------------------------------------------------------------------


def test_each_threshold_is_told_of_once(in_acme: Tenant) -> None:
    budget = make_budget(amount=10 * EUR)
    told = []

    for _ in range(10):
        reserve(budget)
        settle(budget, spent=EUR)
        told.append(budget_use.tell())

    assert told == [0, 0, 0, 0, 1, 0, 0, 1, 0, 1]
    assert budget_use.tell() == 0
    sentences = list(Alert.objects.order_by("id").values_list("sentence", flat=True))
    assert sentences[0] == (
        "The budget “all” has reached 50 %: 5.00 EUR of 10.00 EUR a month is used."
    )
    assert sentences[2].endswith("Calls that would pass it do not leave.")


def test_a_refusal_is_the_end_of_a_budget(in_acme: Tenant) -> None:
    budget = make_budget(amount=10 * EUR)
    reserve(budget, micros=9 * EUR)
    settle(budget, reserved=9 * EUR, spent=9 * EUR)

    assert budget_use.tell() == 2
    assert reserve(budget, micros=2 * EUR) == budget.pk
    assert budget_use.tell() == 1
    assert Alert.objects.filter(severity="critical").count() == 1


def test_more_money_may_be_used_up_again(in_acme: Tenant) -> None:
    budget = make_budget(amount=EUR)
    reserve(budget)
    settle(budget, spent=EUR)
    assert budget_use.tell() == 3

    budgets.change(budget=budget, amount=2 * EUR, by=SYSTEM)

    assert budget_use.tell() == 1  # half of what it is now
    assert reserve(budget) is None


def test_an_empty_budget_is_told_of_when_somebody_needs_it(in_acme: Tenant) -> None:
    budget = make_budget(amount=0)

    assert budget_use.tell() == 0
    assert reserve(budget, micros=1) == budget.pk
    assert budget_use.tell() == 3


def test_who_acknowledges_is_not_told_again_in_the_same_period(in_acme: Tenant) -> None:
    budget = make_budget(amount=EUR)
    reserve(budget)
    settle(budget, spent=EUR)
    budget_use.tell()
    for alert in Alert.objects.all():
        alerts.acknowledge(alert=alert, reason="Seen.", by=SYSTEM)

    reserve(budget, micros=0)

    assert budget_use.tell() == 0


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_twenty_who_tell_at_once_tell_once() -> None:
    acme = factories.make_tenant(name="Acme Bank")
    with tenant_context(acme):
        budget = make_budget(amount=EUR)
        reserve(budget)
        settle(budget, spent=EUR)

    def tell(_: int) -> int:
        with tenant_context(acme):
            return budget_use.tell()

    assert sorted(in_threads(20, tell)) == [0] * 19 + [3]
    with tenant_context(acme):
        assert Alert.objects.count() == 3


# -- which budgets count a call -----------------------------------------------------------------------


def test_a_call_is_counted_by_the_budgets_of_what_it_uses(in_acme: Tenant) -> None:
    deployment = make_deployment("http://127.0.0.1:9/v1")
    group = model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
    every = make_budget()
    of_group = make_budget("of-group", model_group=group)
    of_provider = make_budget("of-provider", provider=deployment.provider)
    of_secret = make_budget("of-secret", secret_name="openai")
    make_budget("resting", secret_name="openai")
    budgets.change(budget=budgets.get_budget("resting"), enabled=False, by=SYSTEM)

    def applying(**call: Any) -> set[UUID]:
        return {ref.id for ref in budgets.applying(**call)}

    assert applying() == {every.pk}
    assert applying(group="default") == {every.pk, of_group.pk}
    assert applying(provider_id=deployment.provider_id) == {every.pk, of_provider.pk}
    assert applying(secret_name="openai", group="other") == {every.pk, of_secret.pk}
    assert budgets.applying(among=(), group="default") == ()


def test_money_of_another_currency_cannot_be_compared(in_acme: Tenant) -> None:
    make_budget()
    make_budget("soft", hard_stop=False)
    make_budget("tokens", unit="tokens", currency="")
    refs = budgets.applying()

    assert budgets.find_incomparable(refs, currency="EUR") == ""
    assert "“all” is in EUR" in budgets.find_incomparable(refs, currency="USD")


def test_a_refusal_names_the_budget_and_what_helps(in_acme: Tenant) -> None:
    budget = make_budget("legal", amount=10 * EUR)
    reserve(budget, micros=8 * EUR)
    settle(budget, reserved=6 * EUR, spent=5 * EUR)

    sentence = budget_use.refusal(budget.pk, micros=4 * EUR, tokens=0)

    assert sentence.startswith(
        "The budget “legal” allows 10.00 EUR a month: 5.00 EUR is used, 2.00 EUR reserved by calls under way, "
        "and this call may need 4.00 EUR. Allow more, or wait until 00:00 UTC on 01 "
    )
    total = make_budget("total", amount=5, unit="tokens", currency="", period="total")
    assert budget_use.refusal(total.pk, micros=4, tokens=7).endswith(
        "allows 5 tokens in all: 0 tokens is used, 0 tokens reserved by calls under way, "
        "and this call may need 7 tokens. Allow more."
    )


# -- set ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "Legal Department"},
        {"amount": -1},
        {"amount": 10**16},
        {"currency": ""},
        {"currency": "eur"},
        {"unit": "pages"},
        {"unit": "tokens"},  # with a currency
        {"period": "week"},
    ],
)
def test_a_budget_that_says_nothing_is_refused(in_acme: Tenant, facts: dict[str, Any]) -> None:
    with pytest.raises(BudgetInvalid):
        make_budget(**facts)

    assert not Budget.objects.exists()


def test_a_budget_counts_one_thing(in_acme: Tenant) -> None:
    deployment = make_deployment("http://127.0.0.1:9/v1")

    with pytest.raises(BudgetInvalid, match="one thing"):
        make_budget(provider=deployment.provider, secret_name="openai")


def test_a_name_is_given_once(in_acme: Tenant) -> None:
    make_budget()

    with pytest.raises(NameTaken):
        make_budget()
    with pytest.raises(BudgetNotFound):
        budgets.get_budget("other")


def test_a_change_is_on_record_and_counted_by_the_register(in_acme: Tenant) -> None:
    budget = make_budget()
    before = RegisterEpoch.objects.get().number

    changed = budgets.change(budget=budget, amount=EUR, hard_stop=False, by=SYSTEM)

    assert (changed.amount, changed.hard_stop) == (EUR, False)
    assert RegisterEpoch.objects.get().number == before + 1
    entry = LedgerEntry.objects.get(event="budget.changed")
    assert (entry.facts["amount"], entry.facts["hard_stop"]) == (EUR, False)


def test_a_change_that_changes_nothing_leaves_no_trace(in_acme: Tenant) -> None:
    budget = make_budget()

    budgets.change(budget=budget, amount=budget.amount, by=SYSTEM)

    assert not LedgerEntry.objects.filter(event="budget.changed").exists()
