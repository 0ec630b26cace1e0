"""What is known at the moment of a decision. Computed by us, handed to the policy as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, Self

NOTHING: frozenset[str] = frozenset()
SETS = frozenset(
    {"tags", "residency", "approvals", "transforms", "run_tags", "tools_used", "destinations"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`max_class`, `integrity`, `tags`, `residency` are the joined labels of what flows into this
    action; the `run_…` and plural facts are what the whole run has touched so far. Money is whole
    micro-units. `residency` None means anywhere; an empty set means nowhere.

    `approvals` are the roles that approved exactly this action; `transforms` are the obligations
    of kind modify that have been carried out on the arguments already ("redact:PII").
    """

    max_class: int
    integrity: int
    tags: frozenset[str]
    residency: frozenset[str] | None
    declared: bool
    est_cost_micros: int
    budget_left_micros: int
    today: date
    calls: int = 0
    model_calls: int = 0
    calls_last_minute: int = 0
    spent_micros: int = 0
    approvals: frozenset[str] = NOTHING
    transforms: frozenset[str] = NOTHING
    run_max_class: int = 0
    run_tags: frozenset[str] = NOTHING
    tools_used: frozenset[str] = NOTHING
    destinations: frozenset[str] = NOTHING
    purpose: str = ""
    env: str = ""

    def to_json(self) -> dict[str, Any]:
        """Every fact by name; sets are sorted, so that equal facts give equal bytes."""
        return {name: _to_json(getattr(self, name)) for name in NAMES}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{name: _from_json(name, fact) for name, fact in value.items()})


NAMES: Final = tuple(field.name for field in fields(Facts))


def _to_json(fact: Any) -> Any:
    if isinstance(fact, frozenset):
        return sorted(fact)
    if isinstance(fact, date):
        return fact.isoformat()
    return fact


def _from_json(name: str, fact: Any) -> Any:
    if name == "today":
        return date.fromisoformat(fact)
    if name in SETS and fact is not None:
        return frozenset(fact)
    return fact
