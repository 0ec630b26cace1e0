"""What holds whatever a tenant's own policies permit: declared places, classes, and money that is there to spend."""

from typing import TYPE_CHECKING
from uuid import UUID

from compliance.policy.facts import Facts
from compliance.policy.verdicts import Verdict, VerdictKind
from tenancy.money import to_amount
from workflows import budget_use, budgets

if TYPE_CHECKING:
    from runs.governed_calls import Act

Why = tuple[str, str]  # code and sentence


def hold(act: "Act", facts: Facts, verdict: Verdict, *, budget_in_the_way: UUID | None) -> Verdict:
    """The policy's verdict, or the denial of the first limit that this call would pass."""
    if verdict.kind is VerdictKind.DENY:
        return verdict
    why = (
        _leads_nowhere(act)
        or _may_not_be_seen(act)
        or _costs_too_much(facts)
        or _passes_a_budget(act, budget_in_the_way, facts.est_cost_micros)
    )
    if why is None:
        return verdict
    code, reason = why
    return Verdict(kind=VerdictKind.DENY, code=code, reason=reason, engine_us=verdict.engine_us)


def _leads_nowhere(act: "Act") -> Why | None:
    if act.refusal is None:
        return None
    told = "This call leads to no place that is declared for it, so nothing is sent."
    return act.refusal.code, told


def _may_not_be_seen(act: "Act") -> Why | None:
    """No deployment of the group may see this; nothing goes anywhere else."""
    return (act.fault.code, act.fault.sentence) if act.fault else None


def _costs_too_much(facts: Facts) -> Why | None:
    """More than the run has left."""
    if facts.est_cost_micros <= facts.budget_left_micros:
        return None
    left, may_cost = to_amount(facts.budget_left_micros), to_amount(facts.est_cost_micros)
    told = f"The run has {left} of its budget left; this call may cost {may_cost}."
    return budgets.CODE, told


def _passes_a_budget(act: "Act", in_the_way: UUID | None, micros: int) -> Why | None:
    """One with a hard stop has no room for it, or cannot count it."""
    if not act.budgets:
        return None
    if in_the_way is not None:
        return budgets.CODE, budget_use.refusal(in_the_way, micros=micros, tokens=act.tokens)
    why = budgets.find_incomparable(act.budgets, currency=act.currency)
    return (budgets.CODE, why) if why else None
