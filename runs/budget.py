"""What one run may spend: the least of what its definition and its starter say. Held at the governed door."""

from collections.abc import Collection
from dataclasses import dataclass

from runs.errors import BudgetInvalid
from workflows.definition import Budget

MOST_MICROS = 10**15
USUAL_CURRENCY = "EUR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """None is no budget."""

    micros: int | None
    currency: str


def agree(
    *, defined: Budget | None, asked_micros: int | None, currency: str, priced_in: Collection[str]
) -> Agreed:
    """The budget of a run whose models are priced in these currencies; `currency` is the asked budget's, if said.

    Raises BudgetInvalid where a budget could not be compared with what the run will cost.
    """
    if asked_micros is not None and not 0 <= asked_micros <= MOST_MICROS:
        raise BudgetInvalid("A budget is from 0 to 1,000,000,000.")
    limits = [] if asked_micros is None else [asked_micros]
    said = {currency} if currency and limits else set()
    if defined is not None:
        limits.append(defined.amount_micros)
        said.add(defined.currency)
    currencies = {*said, *priced_in}
    if limits and len(currencies) > 1:
        raise BudgetInvalid(
            f"The budget and the prices of this run are in {' and '.join(sorted(currencies))}: "
            "they cannot be compared."
        )
    return Agreed(
        micros=min(limits, default=None),
        currency=currencies.pop() if len(currencies) == 1 else USUAL_CURRENCY,
    )
