"""Money in words: whole micro-units of a currency, and the decimal strings that people and programs read."""

import re
from decimal import Decimal

MILLION = 1_000_000
WRITTEN = r"^\d{1,9}(\.\d{1,6})?$"


def to_amount(micros: int) -> str:
    """At least two decimals, at most six, none lost: 41200 is "0.0412"."""
    sign, (whole, part) = "-" if micros < 0 else "", divmod(abs(micros), MILLION)
    return f"{sign}{whole}." + f"{part:06d}".rstrip("0").ljust(2, "0")


def to_money(micros: int, currency: str) -> dict[str, str]:
    return {"amount": to_amount(micros), "currency": currency}


def to_micros(amount: str) -> int:
    """Raises ValueError for what is not written like "12.50"."""
    if not re.fullmatch(WRITTEN, amount):
        raise ValueError(amount)
    return int(Decimal(amount) * MILLION)
