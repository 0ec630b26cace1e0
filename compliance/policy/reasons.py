"""What a @reason sentence can name in braces, and how it is said."""

from collections.abc import Callable, Mapping

from compliance.policy.actions import Action
from compliance.policy.facts import Facts
from tenancy.money import to_amount

CLASS_WORDS = ("public", "internal", "confidential", "restricted")
INTEGRITY_WORDS = ("untrusted", "endorsed", "trusted")


def _word(words: tuple[str, ...], value: object) -> str:
    return words[value] if isinstance(value, int) and 0 <= value < len(words) else str(value)


def _attribute(action: Action, name: str, otherwise: str) -> str:
    return str(action.resource.attributes.get(name) or otherwise)


PLACEHOLDERS: Mapping[str, Callable[[Action, Facts], str]] = {
    "resource": lambda action, _: action.resource.id,
    "principal": lambda action, _: action.principal,
    "provider": lambda action, _: _attribute(action, "provider", action.resource.id),
    "destination": lambda action, _: _attribute(action, "destination", action.resource.id),
    "region": lambda action, _: _attribute(action, "region", "an unknown place"),
    "clearance": lambda action, _: _word(CLASS_WORDS, action.resource.attributes.get("clearance")),
    "min_integrity": lambda action, _: _word(
        INTEGRITY_WORDS, action.resource.attributes.get("min_integrity")
    ),
    "class": lambda _, facts: _word(CLASS_WORDS, facts.max_class),
    "run_class": lambda _, facts: _word(CLASS_WORDS, facts.run_max_class),
    "integrity": lambda _, facts: _word(INTEGRITY_WORDS, facts.integrity),
    "residency": lambda _, facts: ", ".join(sorted(facts.residency or ())) or "no place at all",
    "tags": lambda _, facts: ", ".join(sorted(facts.tags)),
    "est_cost": lambda _, facts: str(facts.est_cost_micros),
    "budget_left": lambda _, facts: str(facts.budget_left_micros),
    "money_needed": lambda _, facts: to_amount(facts.est_cost_micros),
    "money_left": lambda _, facts: to_amount(facts.budget_left_micros),
    "today": lambda _, facts: str(facts.today),
}


class Sentence(dict[str, str]):
    """Fills the placeholders of one action's sentences; nothing is made that is not asked for."""

    def __init__(self, action: Action, facts: Facts) -> None:
        super().__init__()
        self._action = action
        self._facts = facts

    def __missing__(self, name: str) -> str:
        return PLACEHOLDERS[name](self._action, self._facts)
