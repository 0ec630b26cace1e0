"""How much care a workflow needs: a tier made from plain facts, each of which is said. Pure.

It orders what to look at first. It is no classification by any law.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from compliance.labels import DataClass

HIGH, MEDIUM = 5, 3


class Tier(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the tier is made from. `places` are those outside that its data may go to."""

    data_class: DataClass
    tags: Iterable[str]
    external: Iterable[str]
    trained_on: Iterable[str]
    writes: Iterable[str]
    asks_a_model: bool
    approvals: Iterable[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """`reasons` are sentences with their points."""

    tier: Tier
    points: int
    reasons: tuple[str, ...]


def assess(facts: Facts) -> Risk:
    """Points for what can go wrong, fewer where a person decides in the run."""
    told: list[tuple[int, str]] = [
        (int(facts.data_class), f"handles data up to {facts.data_class.word}")
    ]
    if tags := sorted(facts.tags):
        told.append((1, f"what comes in is marked {', '.join(tags)}"))
    if external := sorted(facts.external):
        told.append((1, f"data may go outside: {', '.join(external)}"))
    if trained_on := sorted(facts.trained_on):
        told.append((1, f"may be trained on at {', '.join(trained_on)}"))
    if writes := sorted(facts.writes):
        told.append((1, f"acts on other systems at {', '.join(writes)}"))
    if approvals := sorted(facts.approvals):
        told.append((-1, f"a person decides at {', '.join(approvals)}"))
    elif facts.asks_a_model:
        told.append((1, "asks a model, and no person decides in the run"))
    points = max(0, sum(each for each, _ in told))
    tier = Tier.HIGH if points >= HIGH else Tier.MEDIUM if points >= MEDIUM else Tier.LOW
    return Risk(
        tier=tier,
        points=points,
        reasons=tuple(f"{words} ({each:+d})" for each, words in told if each),
    )
