"""What a call outside runs may spend: tests and probes are counted by the same budgets as the calls of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.timezone import now

from workflows import budget_use, budgets
from workflows.budgets import BudgetRef
from workflows.models import Budget, Price
from workflows.providers import prices
from workflows.providers.contract import ModelRequest, Target
from workflows.providers.errors import PriceUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What is held for one call, and in which budgets. The currency is empty where no price is known."""

    price: Price | None
    budgets: Sequence[UUID] = ()
    micros: int = 0
    tokens: int = 0

    @property
    def currency(self) -> str:
        return self.price.currency if self.price else ""


class Unaffordable(Exception):
    """This call is not made."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code, self.sentence = code, sentence
        super().__init__(sentence)


def reserve(target: Target, request: ModelRequest, *, look_first: bool) -> Reservation:
    """Hold the most that it may use, in the caller's transaction. Raises Unaffordable.

    Without a price no budget of money with a hard stop can say that it has room. `look_first`: leave a budget alone
    that has no room, so that nobody is told of a refusal that stopped nobody's work.
    """
    price = prices.find_price(target, now())
    refs = budgets.applying(provider_id=target.provider_id, secret_name=target.secret_name)
    currency = price.currency if price else ""
    if price is None and any(ref.hard_stop and not ref.can_count(currency) for ref in refs):
        raise Unaffordable(PriceUnknown.code, prices.unknown(target).sentence)
    if price is not None and (why := budgets.find_incomparable(refs, currency=currency)):
        raise Unaffordable(budgets.CODE, why)
    counting = [ref for ref in refs if ref.can_count(currency)]
    micros = prices.estimate(price, request).micros if price else 0
    tokens = prices.estimate_tokens(request)
    in_the_way = _find_full(counting, micros, tokens) if look_first else None
    if in_the_way is None:
        in_the_way = budgets.reserve([ref.id for ref in counting], micros=micros, tokens=tokens)
    if in_the_way is not None:
        raise Unaffordable(
            budgets.CODE, budget_use.refusal(in_the_way, micros=micros, tokens=tokens)
        )
    return Reservation(
        price=price, budgets=[ref.id for ref in counting], micros=micros, tokens=tokens
    )


def _find_full(counting: Sequence[BudgetRef], micros: int, tokens: int) -> UUID | None:
    stopping = Budget.objects.filter(pk__in=[ref.id for ref in counting], hard_stop=True)
    for use in budget_use.uses(list(stopping)):
        wanted = tokens if use.budget.unit == "tokens" else micros
        if wanted > use.left:
            return use.budget.pk
    return None
