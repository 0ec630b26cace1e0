"""What calls cost. Money is whole micro-units and a currency; an unknown price is an error, never zero."""

from dataclasses import dataclass
from datetime import datetime

from workflows.models import Price
from workflows.providers.contract import ModelRequest, Target
from workflows.providers.errors import PriceUnknown

MILLION = 1_000_000
BYTES_PER_TOKEN = 2  # fewer than any tokenizer needs for prose, so that an estimate is not too low
TOKENS_PER_MESSAGE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    micros: int
    currency: str


def cost(target: Target, *, tokens_in: int, tokens_out: int, at: datetime) -> Money:
    """What these tokens cost at that moment, rounded up. Raises PriceUnknown."""
    return cost_at(get_price(target, at), tokens_in=tokens_in, tokens_out=tokens_out)


def cost_at(price: Price, *, tokens_in: int, tokens_out: int) -> Money:
    """What these tokens cost at this price, rounded up."""
    parts = (
        tokens_in * price.input_micros_per_million + tokens_out * price.output_micros_per_million
    )
    return Money(micros=-(-parts // MILLION), currency=price.currency)


def estimate(price: Price, request: ModelRequest) -> Money:
    """The most that a request is likely to cost, known before it leaves."""
    return cost_at(price, tokens_in=_sent(request), tokens_out=request.max_tokens)


def estimate_tokens(request: ModelRequest) -> int:
    """The most tokens, in and out, that a request is likely to take."""
    return _sent(request) + request.max_tokens


def _sent(request: ModelRequest) -> int:
    return sum(
        len(message["content"].encode()) // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE
        for message in request.messages
    )


def get_price(target: Target, at: datetime) -> Price:
    """Raises PriceUnknown."""
    price = find_price(target, at)
    if price is None:
        raise unknown(target)
    return price


def find_price(target: Target, at: datetime) -> Price | None:
    """The price in force at that moment."""
    return Price.objects.filter(deployment_id=target.deployment_id, valid_from__lte=at).first()


def unknown(target: Target) -> PriceUnknown:
    return PriceUnknown(
        f"The price of “{target.name}” is not known, so nothing may be spent on it."
    )
