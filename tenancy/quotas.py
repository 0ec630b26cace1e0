"""What a tenant may use: runs under way at once, starts in an hour, money in a day or a month.

Here limits are set and shown. They are held where a run is started: runs/quotas.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import QuotaInvalid
from tenancy.events import EventType
from tenancy.models import RUNS, MoneyPeriod, Quota, QuotaUse, Tenant, WhenFull

MOST_RUNS = 2**31 - 1
MOST_MICROS = 10**15
LONGEST_REASON = 500
CURRENCY = re.compile(r"[A-Z]{3}")

_counters: list[Callable[[], int]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None is no limit. Money is micro-units of the currency."""

    concurrent_runs: int | None = None
    when_full: str = WhenFull.REFUSE.value
    runs_per_hour: int | None = None
    money_micros: int | None = None
    money_currency: str = ""
    money_period: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One quota as it stands. `frees_at` is when its count begins anew; runs under way have no such moment."""

    quota: str
    used: int
    limit: int | None
    currency: str = ""
    period: str = ""
    frees_at: datetime | None = None

    @property
    def percent(self) -> int:
        """How full it is, at most 100."""
        if self.limit is None:
            return 0
        return 100 if self.used >= self.limit else max(0, 100 * self.used // self.limit)


def count_runs_with(counter: Callable[[], int]) -> None:
    """Register who knows how many runs of the current tenant are under way: the floor of runs, in its apps.py."""
    _counters[:] = [counter]


@transaction.atomic
def set_limits(*, limits: Limits, reason: str, by: Actor) -> Quota:
    """Put other limits in force for the current tenant. The same ones again change nothing. Raises QuotaInvalid."""
    reason = reason.strip()
    _check(limits, reason)
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant().pk)
    before = find_quota()
    if limits_of(before) == limits and before is not None:
        return before
    quota: Quota = Quota.objects.create(
        number=before.number + 1 if before else 1,
        concurrent_runs=limits.concurrent_runs,
        when_full=limits.when_full,
        runs_per_hour=limits.runs_per_hour,
        money_micros=limits.money_micros,
        money_currency=limits.money_currency,
        money_period=limits.money_period,
        reason=reason,
        author_kind=by.kind,
        author_id=by.id,
        author_name=by.name[:200],
        created_at=now(),
    )
    Tenant.objects.filter(pk=tenant.pk).update(concurrent_runs=limits.concurrent_runs)
    ledger.append(
        EventType.QUOTA_SET,
        subject=quota,
        by=by,
        number=quota.number,
        concurrent_runs=limits.concurrent_runs,
        when_full=limits.when_full,
        runs_per_hour=limits.runs_per_hour,
        money_micros=limits.money_micros,
        money_currency=limits.money_currency,
        money_period=limits.money_period,
    )
    return quota


def find_quota() -> Quota | None:
    """The revision in force."""
    quota: Quota | None = Quota.objects.order_by("-number").first()
    return quota


def limits_of(quota: Quota | None) -> Limits:
    if quota is None:
        return Limits()
    return Limits(
        concurrent_runs=quota.concurrent_runs,
        when_full=quota.when_full,
        runs_per_hour=quota.runs_per_hour,
        money_micros=quota.money_micros,
        money_currency=quota.money_currency,
        money_period=quota.money_period,
    )


def in_use(limits: Limits) -> list[Use]:
    """Each quota of the current tenant with what is used of it now, whether it is limited or not."""
    at = now()
    hour = at.replace(minute=0, second=0, microsecond=0)
    return [
        Use(
            quota="concurrent_runs",
            used=sum(counter() for counter in _counters),
            limit=limits.concurrent_runs,
        ),
        Use(
            quota="runs_per_hour",
            used=_used(RUNS, since=hour),
            limit=limits.runs_per_hour,
            period="hour",
            frees_at=hour + timedelta(hours=1),
        ),
        *_money_in_use(limits, at),
    ]


def _money_in_use(limits: Limits, at: datetime) -> list[Use]:
    """One line for the currency that is limited, and one for each other that was used this month."""
    period = limits.money_period or MoneyPeriod.MONTH.value
    since, until = span_of(period, at)
    month, next_month = span_of(MoneyPeriod.MONTH.value, at)
    used = QuotaUse.objects.filter(hour__gte=month).exclude(unit=RUNS).exclude(used=0)
    units = sorted({*used.values_list("unit", flat=True), *filter(None, [limits.money_currency])})
    return [
        Use(
            quota="money",
            used=_used(unit, since=since if unit == limits.money_currency else month),
            limit=limits.money_micros if unit == limits.money_currency else None,
            currency=unit,
            period=period if unit == limits.money_currency else MoneyPeriod.MONTH.value,
            frees_at=until if unit == limits.money_currency else next_month,
        )
        for unit in units
    ]


def span_of(period: str, at: datetime) -> tuple[datetime, datetime]:
    """The day or the month around a moment, in UTC: its beginning, and that of the next."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == MoneyPeriod.DAY:
        return day, day + timedelta(days=1)
    month = day.replace(day=1)
    return month, (month + timedelta(days=32)).replace(day=1)


def _used(unit: str, *, since: datetime) -> int:
    rows = QuotaUse.objects.filter(unit=unit, hour__gte=since)
    return int(rows.aggregate(used=Sum("used"))["used"] or 0)


def _check(limits: Limits, reason: str) -> None:
    if not 0 < len(reason) <= LONGEST_REASON:
        raise QuotaInvalid("Say in up to 500 characters why the limits change.")
    for number in (limits.concurrent_runs, limits.runs_per_hour):
        if number is not None and not 0 <= number <= MOST_RUNS:
            raise QuotaInvalid(f"A limit of runs is a whole number from 0 to {MOST_RUNS:,}.")
    if limits.when_full not in WhenFull.values:
        raise QuotaInvalid("When all places are taken, a run is refused or queued.")
    if limits.money_micros is None:
        if limits.money_currency or limits.money_period:
            raise QuotaInvalid("A currency or a period says nothing without an amount.")
        return
    if not 0 <= limits.money_micros <= MOST_MICROS:
        raise QuotaInvalid("An amount of money is from 0 to 1,000,000,000.")
    if not CURRENCY.fullmatch(limits.money_currency):
        raise QuotaInvalid("A currency is three capital letters, such as EUR.")
    if limits.money_period not in MoneyPeriod.values:
        raise QuotaInvalid("Money is limited by the day or by the month.")
