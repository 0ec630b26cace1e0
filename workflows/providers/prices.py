"""What calls cost. Money is whole micro-units and a currency; an unknown price is an error, never zero."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from django.utils.timezone import now

from workflows.models import Deployment, Price
from workflows.providers.contract import ModelRequest, Target
from workflows.providers.errors import PriceUnknown

MILLION = 1_000_000
# A token stands for at least a byte of what is sent, in whatever language: so there are at most as many as bytes.
TOKENS_PER_MESSAGE = 8  # of its role, and of what parts it from the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    micros: int
    currency: str


def cost(target: Target, *, tokens_in: int, tokens_out: int, at: datetime) -> Money:
    """What these tokens cost at that moment, rounded up. Raises PriceUnknown."""
    return cost_at(get_price(target, at), tokens_in=tokens_in, tokens_out=tokens_out)


def cost_at(price: Price, *, tokens_in: int, tokens_out: int) -> Money:
    """What these tokens cost at this price, rounded up. Raises PriceUnknown where it is the end of one."""
    a_million_in, a_million_out = price.input_micros_per_million, price.output_micros_per_million
    if a_million_in is None or a_million_out is None:
        raise _unknown(price.deployment.name)
    parts = tokens_in * a_million_in + tokens_out * a_million_out
    return Money(micros=-(-parts // MILLION), currency=price.currency)


def estimate(price: Price, request: ModelRequest) -> Money:
    """The most that a request can cost where the provider keeps to max_tokens, known before it leaves."""
    return cost_at(price, tokens_in=_sent(request), tokens_out=request.max_tokens)


def estimate_tokens(request: ModelRequest) -> int:
    """The most tokens, in and out, that a request can take where the provider keeps to max_tokens."""
    return _sent(request) + request.max_tokens


def _sent(request: ModelRequest) -> int:
    beside = [tool.to_json() for tool in request.tools]
    if request.schema is not None:
        beside.append(dict(request.schema))
    return sum(
        len(message["content"].encode()) + TOKENS_PER_MESSAGE for message in request.messages
    ) + sum(len(orjson.dumps(each)) for each in beside)


def get_price(target: Target, at: datetime) -> Price:
    """Raises PriceUnknown."""
    price = find_price(target, at)
    if price is None:
        raise unknown(target)
    return price


def find_price(target: Target, at: datetime) -> Price | None:
    """The price in force at that moment."""
    price = Price.objects.filter(deployment_id=target.deployment_id, valid_from__lte=at).first()
    return None if price is None or price.is_end else price


def in_force(deployments: Iterable[Deployment], at: datetime | None = None) -> Mapping[UUID, Price]:
    """The price of each deployment at that moment (now, when not said), in one query; without those that have none."""
    newest = (
        Price.objects.filter(deployment__in=deployments, valid_from__lte=at or now())
        .order_by("deployment_id", "-valid_from", "-id")
        .distinct("deployment_id")
    )
    return {price.deployment_id: price for price in newest if not price.is_end}


def unknown(target: Target) -> PriceUnknown:
    return _unknown(target.name)


def _unknown(name: str) -> PriceUnknown:
    return PriceUnknown(
        f"The price of “{name}” is not known, so nothing may be spent on it. An admin can add one under Prices."
    )
