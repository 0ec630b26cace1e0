"""How full budgets are: shown on pages, said in refusals, and told of once at 50, 80 and 100 percent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now

from compliance import alerts
from compliance.models import AlertKind
from compliance.models.alert import Severity
from tenancy.money import to_amount
from workflows import budgets
from workflows.models import (
    Budget,
    BudgetCounter,
    BudgetPeriod,
    BudgetSettlement,
    BudgetUnit,
)

THRESHOLDS: Final = {50: Severity.NOTICE, 80: Severity.WARNING, 100: Severity.CRITICAL}


class UseState(StrEnum):
    """How a budget stands. Whoever was refused has met its end, whatever was given back since."""

    OPEN = "open"
    NEAR = "near"
    USED_UP = "used_up"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A budget as it stands. `used`, `reserved` and the budget's amount have one unit: micro-units, or tokens."""

    budget: Budget
    used: int
    reserved: int
    refused: int
    since: datetime
    until: datetime | None

    @property
    def left(self) -> int:
        return max(0, self.budget.amount - self.used - self.reserved)

    @property
    def percent(self) -> int:
        """How much of it is used; more than 100 where nothing stops it. Of nothing, all is used."""
        amount = self.budget.amount
        return max(0, 100 * self.used // amount) if amount else 100

    @property
    def state(self) -> UseState:
        if not self.budget.enabled:
            return UseState.ENDED
        if self.percent >= 100 or self.refused:
            return UseState.USED_UP
        return UseState.NEAR if self.percent >= 80 else UseState.OPEN


def uses(found: Sequence[Budget]) -> list[Use]:
    """How full these budgets are now, in two queries; what was settled a moment ago is counted in."""
    at = now()
    counters = {row.budget_id: row for row in BudgetCounter.objects.filter(budget__in=found)}
    settled: dict[UUID, list[tuple[datetime, int, int]]] = {}
    for budget_id, moment, released, spent in BudgetSettlement.objects.filter(
        budget__in=found
    ).values_list("budget_id", "at", "released", "spent"):
        settled.setdefault(budget_id, []).append((moment, released, spent))
    return [_use(budget, counters[budget.pk], settled.get(budget.pk, []), at) for budget in found]


def refusal(budget_id: UUID, *, micros: int, tokens: int) -> str:
    """Why a call that may need so much does not leave: which budget, how full it is, and what helps."""
    budget: Budget = Budget.objects.with_scopes().get(pk=budget_id)
    use = uses([budget])[0]
    wanted = tokens if budget.unit == BudgetUnit.TOKENS else micros
    if use.until is None:
        helps = "Allow more"
    else:
        helps = f"Allow more, or wait until {use.until:%H:%M} UTC on {use.until:%d %B %Y}"
    return (
        f"The budget “{budget.name}” allows {in_words(budget, budget.amount)}{_a_period(budget)}: "
        f"{in_words(budget, use.used)} is used, {in_words(budget, use.reserved)} reserved by calls under way, and "
        f"this call may need {in_words(budget, wanted)}. {helps}."
    )


@transaction.atomic
def tell() -> int:
    """Raise an alert for every threshold that was reached and not told of. Gives how many were raised.

    Whoever tells holds the counters until the end: each threshold of a period is told of once, by whoever was first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT budget_id, told, reached FROM grove_budgets_to_tell()")
        found = cursor.fetchall()
    raised = 0
    for budget_id, told, reached in found:
        budget = Budget.objects.with_scopes().get(pk=budget_id)
        use = uses([budget])[0]
        for threshold in THRESHOLDS:
            if told < threshold <= reached:
                raised += _raise(use, threshold)
        BudgetCounter.objects.filter(budget_id=budget_id).update(alerted=reached)
    return raised


def to_text(budget: Budget, amount: int) -> str:
    """As people write it: 12.50, or 12500."""
    return str(amount) if budget.unit == BudgetUnit.TOKENS else to_amount(amount)


def in_words(budget: Budget, amount: int) -> str:
    """12.50 EUR, or 12,500 tokens."""
    if budget.unit == BudgetUnit.TOKENS:
        return f"{amount:,} tokens"
    return f"{to_amount(amount)} {budget.currency}"


def _use(
    budget: Budget,
    counter: BudgetCounter,
    settled: Sequence[tuple[datetime, int, int]],
    at: datetime,
) -> Use:
    since, until = budgets.span_of(budget.period, at)
    is_of_now = counter.since >= since
    spent = sum(spent for moment, _, spent in settled if moment >= since)
    return Use(
        budget=budget,
        used=(counter.used if is_of_now else 0) + spent,
        reserved=max(0, counter.reserved - sum(released for _, released, _ in settled)),
        refused=counter.refused if is_of_now else 0,
        since=since,
        until=until,
    )


def _raise(use: Use, threshold: int) -> bool:
    budget = use.budget
    used = f"{in_words(budget, use.used)} of {in_words(budget, budget.amount)}{_a_period(budget)} is used"
    stopped = " Calls that would pass it do not leave." if budget.hard_stop else ""
    alert = alerts.raise_alert(
        kind=AlertKind.BUDGET_THRESHOLD,
        subject_kind="budget",
        subject_id=budget.pk,
        name=budget.name,
        sentence=f"The budget “{budget.name}” has reached {threshold} %: {used}."
        + (stopped if threshold == max(THRESHOLDS) else ""),
        key=f"budget:{budget.pk}:{use.since:%Y-%m-%d}:{budget.amount}:{threshold}",
        severity=THRESHOLDS[threshold],
    )
    return alert is not None


def _a_period(budget: Budget) -> str:
    return {BudgetPeriod.DAY: " a day", BudgetPeriod.MONTH: " a month"}.get(
        BudgetPeriod(budget.period), " in all"
    )
