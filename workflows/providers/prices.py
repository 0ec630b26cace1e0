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
    price = get_price(target, at)
    parts = (
        tokens_in * price.input_micros_per_million + tokens_out * price.output_micros_per_million
    )
    return Money(micros=-(-parts // MILLION), currency=price.currency)


def estimate(target: Target, request: ModelRequest, *, at: datetime) -> Money:
    """The most that a request is likely to cost, known before it leaves. Raises PriceUnknown."""
    sent = sum(
        len(message["content"].encode()) // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE
        for message in request.messages
    )
    return cost(target, tokens_in=sent, tokens_out=request.max_tokens, at=at)


def get_price(target: Target, at: datetime) -> Price:
    price = Price.objects.filter(deployment_id=target.deployment_id, valid_from__lte=at).first()
    if price is None:
        raise PriceUnknown(
            f"The price of “{target.name}” is not known, so nothing may be spent on it."
        )
    return price
