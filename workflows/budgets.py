"""Budgets: which of them count a call, and the verbs that set them. How full they are: workflows/budget_use.py.

They are held where calls leave, by the functions of workflows/migrations/budgets.sql: what a call may cost is reserved
before it leaves, what was not used is given back when it is settled.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.money import to_micros
from workflows.errors import BudgetInvalid, BudgetNotFound, NameTaken
from workflows.models import (
    Budget,
    BudgetCounter,
    BudgetPeriod,
    BudgetScope,
    BudgetUnit,
    ModelGroup,
    Provider,
    Workflow,
)

MOST: Final = 10**15  # micro-units or tokens
CODE: Final = "budget_exceeded"  # of the denial
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
WHOLE = re.compile(r"[0-9]{1,16}")
CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRef:
    """A budget as the governed door keeps it in memory: which calls it counts, and in what. Not how full it is."""

    id: UUID
    name: str
    scope: str
    unit: str
    currency: str
    hard_stop: bool
    workflow_id: UUID | None = None
    provider_id: UUID | None = None
    secret_name: str = ""
    group: str = ""

    @property
    def counted(self) -> UUID | str | None:
        """Which workflow, provider, secret or group; None for all calls."""
        return self.workflow_id or self.provider_id or self.secret_name or self.group or None

    def can_count(self, currency: str) -> bool:
        """Whether what a call costs can be compared with it. Tokens always can."""
        return self.unit == BudgetUnit.TOKENS or self.currency == currency


# -- at the governed door ---------------------------------------------------------------------------------------------


def read_all() -> tuple[BudgetRef, ...]:
    """Every enabled budget of the current tenant, in one query, in the order in which their counters are locked.

    A change bumps the register's number, so that this can be kept in memory beside the register.
    """
    rows = Budget.objects.enabled().select_related("model_group").order_by("id")
    return tuple(
        BudgetRef(
            id=row.pk,
            name=row.name,
            scope=row.scope,
            unit=row.unit,
            currency=row.currency,
            hard_stop=row.hard_stop,
            workflow_id=row.workflow_id,
            provider_id=row.provider_id,
            secret_name=row.secret_name,
            group=row.model_group.name if row.model_group else "",
        )
        for row in rows
    )


def applying(
    *,
    workflow_id: UUID | None = None,
    provider_id: UUID | None = None,
    secret_name: str = "",
    group: str = "",
    among: Iterable[BudgetRef] | None = None,
) -> tuple[BudgetRef, ...]:
    """The budgets that count such a call: of all, read by one query, or `among` those that were read before."""
    call = {
        BudgetScope.WORKFLOW: workflow_id,
        BudgetScope.PROVIDER: provider_id,
        BudgetScope.SECRET: secret_name,
        BudgetScope.MODEL_GROUP: group,
    }
    refs = read_all() if among is None else among
    return tuple(ref for ref in refs if ref.counted == call.get(BudgetScope(ref.scope)))


def find_incomparable(refs: Iterable[BudgetRef], *, currency: str) -> str:
    """Why a call priced in this currency does not leave: no budget with a hard stop may be in another. Or empty."""
    for ref in refs:
        if ref.hard_stop and not ref.can_count(currency):
            return (
                f"The budget “{ref.name}” is in {ref.currency}, and this call is priced in {currency}: they cannot "
                f"be compared. Give the deployment a price in {ref.currency}, or limit tokens instead."
            )
    return ""


def reserve(budget_ids: Sequence[UUID], *, micros: int, tokens: int) -> UUID | None:
    """Reserve in all or in none, in the caller's transaction; gives the first budget that would be passed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT grove_reserve(%s::uuid[], %s, %s)", [list(budget_ids), micros, tokens]
        )
        found: UUID | None = cursor.fetchone()[0]
    return found


def settle(
    budget_ids: Sequence[UUID],
    *,
    reserved_micros: int,
    spent_micros: int,
    reserved_tokens: int,
    spent_tokens: int,
) -> None:
    """Give back what was reserved and count what was spent, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT grove_settle(%s::uuid[], %s, %s, %s, %s)",
            [list(budget_ids), reserved_micros, spent_micros, reserved_tokens, spent_tokens],
        )


# -- set --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def create(
    *,
    name: str,
    amount: int,
    by: Actor,
    unit: str = BudgetUnit.MONEY,
    currency: str = "",
    period: str = BudgetPeriod.MONTH,
    workflow: Workflow | None = None,
    provider: Provider | None = None,
    secret_name: str = "",
    model_group: ModelGroup | None = None,
    hard_stop: bool = True,
) -> Budget:
    """A budget in force from now on: what was spent before does not count. Raises BudgetInvalid, NameTaken.

    `amount` is micro-units of the currency, or tokens. At most one of workflow, provider, secret and model group.
    """
    named = {
        BudgetScope.WORKFLOW: workflow,
        BudgetScope.PROVIDER: provider,
        BudgetScope.SECRET: secret_name,
        BudgetScope.MODEL_GROUP: model_group,
    }
    scopes = [scope for scope, value in named.items() if value]
    if len(scopes) > 1:
        raise BudgetInvalid(
            "A budget counts one thing: a workflow, a provider, a secret or a group."
        )
    budget = Budget(
        name=name,
        scope=scopes[0] if scopes else BudgetScope.TENANT,
        workflow=workflow,
        provider=provider,
        secret_name=secret_name,
        model_group=model_group,
        unit=unit,
        amount=amount,
        currency=currency,
        period=period,
        hard_stop=hard_stop,
    )
    _check(budget)
    try:
        with transaction.atomic():
            budget.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(f"There is already a budget “{name}”.") from error
    BudgetCounter.objects.create(budget=budget, since=span_of(budget.period, now())[0])
    _record(EventType.BUDGET_CREATED, budget, by)
    return budget


@transaction.atomic
def change(
    *,
    budget: Budget,
    by: Actor,
    amount: int | None = None,
    hard_stop: bool | None = None,
    enabled: bool | None = None,
) -> Budget:
    """Allow more or less, stop or only tell, use or rest. What is counted stays counted. Raises BudgetInvalid."""
    changed: Budget = Budget.objects.with_scopes().select_for_update(of=("self",)).get(pk=budget.pk)
    wanted = {"amount": amount, "hard_stop": hard_stop, "enabled": enabled}
    changes = {
        name: value
        for name, value in wanted.items()
        if value is not None and value != getattr(changed, name)
    }
    if not changes:
        return changed
    for name, value in changes.items():
        setattr(changed, name, value)
    _check(changed)
    changed.save(update_fields=list(changes))
    if "amount" in changes:  # its thresholds are others now: they may be told of anew
        BudgetCounter.objects.filter(budget=changed).update(refused=0, alerted=0)
    _record(EventType.BUDGET_CHANGED, changed, by)
    return changed


def to_units(amount: str, unit: str) -> int:
    """What people write, as a budget counts it: 12.50 in micro-units, or whole tokens. Raises BudgetInvalid."""
    text = amount.strip()
    if unit == BudgetUnit.TOKENS:
        if not WHOLE.fullmatch(text):
            raise BudgetInvalid("Write tokens as a whole number, such as 200000.")
        return int(text)
    try:
        return to_micros(text)
    except ValueError:
        raise BudgetInvalid(
            "Write money like 12.50, with a point and at most six places."
        ) from None


def check_amount(amount: int) -> None:
    """In micro-units or tokens. Raises BudgetInvalid."""
    if not 0 <= amount <= MOST:
        raise BudgetInvalid("A budget is from 0 to 1,000,000,000 of money, or to 10^15 tokens.")


def get_budget(name: str) -> Budget:
    """Raises BudgetNotFound."""
    budget: Budget | None = Budget.objects.with_scopes().filter(name=name).first()
    if budget is None:
        raise BudgetNotFound
    return budget


def span_of(period: str, at: datetime) -> tuple[datetime, datetime | None]:
    """The day or the month around a moment, in UTC: its beginning and that of the next. As grove_period_start."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == BudgetPeriod.DAY:
        return day, day + timedelta(days=1)
    if period == BudgetPeriod.TOTAL:
        return day.replace(year=2000, month=1, day=1), None
    month = day.replace(day=1)
    return month, (month + timedelta(days=32)).replace(day=1)


def _check(budget: Budget) -> None:
    if not NAME.fullmatch(budget.name):
        raise BudgetInvalid(
            "A budget's name is small letters, digits, “-” and “_”, and begins with a letter."
        )
    if budget.unit not in BudgetUnit.values:
        raise BudgetInvalid("A budget limits money or tokens.")
    if budget.period not in BudgetPeriod.values:
        raise BudgetInvalid("A budget is for a day, for a month, or in all.")
    check_amount(budget.amount)
    if budget.unit == BudgetUnit.MONEY and not CURRENCY.fullmatch(budget.currency):
        raise BudgetInvalid("A currency is three capital letters, such as EUR.")
    if budget.unit == BudgetUnit.TOKENS and budget.currency:
        raise BudgetInvalid("Tokens have no currency.")


def _record(event: EventType, budget: Budget, by: Actor) -> None:
    ledger.append(
        event,
        subject=budget,
        by=by,
        name=budget.name,
        scope=budget.scope,
        counts=budget.counted_name,
        unit=budget.unit,
        amount=budget.amount,
        currency=budget.currency,
        period=budget.period,
        hard_stop=budget.hard_stop,
        enabled=budget.enabled,
    )
