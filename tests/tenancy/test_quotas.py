"""What a tenant may use: set by revisions, on record, and shown against what is used."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, ProgrammingError, connection, transaction

from tenancy import quotas
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.errors import QuotaInvalid
from tenancy.models import LedgerEntry, Quota, QuotaUse, Tenant
from tenancy.quotas import Limits

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

ALICE = Actor(kind="user", id="alice", name="Alice")
SOME = Limits(
    concurrent_runs=5,
    runs_per_hour=100,
    money_micros=50_000_000,
    money_currency="EUR",
    money_period="month",
)


def test_limits_are_set_by_a_revision_with_author_and_reason(in_acme: Tenant) -> None:
    quota = quotas.set_limits(limits=SOME, reason=" Their contract. ", by=ALICE)

    assert quotas.limits_of(quotas.find_quota()) == SOME
    assert (quota.number, quota.reason, quota.author_name) == (1, "Their contract.", "Alice")
    in_acme.refresh_from_db()
    assert in_acme.concurrent_runs == 5
    entry = LedgerEntry.objects.get(event="quota.set")
    assert (entry.facts["number"], entry.facts["money_micros"]) == (1, 50_000_000)


def test_setting_the_same_limits_again_changes_nothing(in_acme: Tenant) -> None:
    first = quotas.set_limits(limits=SOME, reason="One.", by=ALICE)

    assert quotas.set_limits(limits=SOME, reason="Two.", by=ALICE) == first
    assert quotas.set_limits(limits=Limits(), reason="Three.", by=ALICE).number == 2
    in_acme.refresh_from_db()
    assert in_acme.concurrent_runs is None
    assert LedgerEntry.objects.filter(event="quota.set").count() == 2


@pytest.mark.parametrize(
    "limits",
    [
        Limits(concurrent_runs=-1),
        Limits(runs_per_hour=2**31),
        Limits(when_full="perhaps"),
        Limits(money_micros=1),  # of what, and in how long?
        Limits(money_micros=1, money_currency="eur", money_period="day"),
        Limits(money_micros=1, money_currency="EUR", money_period="year"),
        Limits(money_micros=10**16, money_currency="EUR", money_period="day"),
        Limits(money_currency="EUR"),
    ],
)
def test_limits_that_say_nothing_are_refused(in_acme: Tenant, limits: Limits) -> None:
    with pytest.raises(QuotaInvalid):
        quotas.set_limits(limits=limits, reason="Why not.", by=ALICE)

    assert quotas.find_quota() is None


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_change_says_why(in_acme: Tenant, reason: str) -> None:
    with pytest.raises(QuotaInvalid, match="why"):
        quotas.set_limits(limits=SOME, reason=reason, by=ALICE)


@pytest.mark.parametrize("verb", ["UPDATE {} SET runs_per_hour = 9", "DELETE FROM {}"])
def test_revisions_are_kept_as_they_were_written(in_acme: Tenant, verb: str) -> None:
    quotas.set_limits(limits=SOME, reason="One.", by=SYSTEM)

    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(verb.format("tenancy_quota"))


def test_half_a_limit_of_money_is_refused_by_the_database(in_acme: Tenant) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Quota.objects.create(
            number=1,
            money_micros=5,
            reason="x",
            author_kind="user",
            author_id="x",
            created_at=datetime.now(UTC),
        )


def test_use_is_counted_in_its_own_period(in_acme: Tenant) -> None:
    quotas.set_limits(limits=SOME, reason="One.", by=ALICE)
    at = datetime(2026, 11, 21, 8, 40, tzinfo=UTC)
    for unit, hour, used in [
        ("run", at.replace(minute=0), 7),
        ("run", at.replace(minute=0) - timedelta(hours=1), 50),
        ("EUR", datetime(2026, 11, 1, tzinfo=UTC), 10_000_000),
        ("EUR", at.replace(minute=0), 15_000_000),
        ("EUR", datetime(2026, 10, 31, 23, tzinfo=UTC), 99_000_000),
        ("USD", at.replace(minute=0), 3),
    ]:
        QuotaUse.objects.create(unit=unit, hour=hour, used=used)

    with time_machine.travel(at, tick=False):
        _, starts, euros, dollars = quotas.in_use(SOME)

    assert (starts.used, starts.limit, starts.percent) == (7, 100, 7)
    assert starts.frees_at == at.replace(hour=9, minute=0)
    assert (euros.used, euros.limit, euros.percent) == (25_000_000, 50_000_000, 50)
    assert euros.frees_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert (dollars.currency, dollars.used, dollars.limit) == ("USD", 3, None)


def test_a_month_ends_with_its_last_day() -> None:
    assert quotas.span_of("month", datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == (
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )


def test_mallory_sees_neither_limits_nor_use(in_acme: Tenant, beta: Tenant) -> None:
    quotas.set_limits(limits=SOME, reason="One.", by=ALICE)
    QuotaUse.objects.create(unit="run", hour=datetime.now(UTC), used=7)

    with tenant_context(beta):
        assert quotas.find_quota() is None
        assert not QuotaUse.objects.exists()
