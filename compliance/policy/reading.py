"""What policies look at: where that is the same for two questions, so is their answer.

Most of the facts are counters that grow with every call, and no policy of a slice may ever read them. Of numbers that
are only compared with each other or with constants it is enough to know how that comes out.
"""

import operator
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeAlias

from compliance.policy.facts import NAMES, SETS, Facts
from compliance.policy.rules import Rule

Operand: TypeAlias = str | int  # the name of a fact, or a constant

ORDER: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OTHERS: Final = {"declared": bool, "today": date, "purpose": str, "env": str}
NUMBERS: Final = frozenset(NAMES) - SETS - OTHERS.keys()
LONG: Final = 2**63  # Cedar's integers have 64 bits


@dataclass(slots=True)
class Reading:
    """Of one slice of policies: facts that are read, numbers that are only compared, and who a call is made for."""

    facts: set[str] = field(default_factory=set)
    compared: set[tuple[str, Operand, Operand]] = field(default_factory=set)
    asks_for_whom: bool = False

    def of(self, facts: Facts, on_behalf_of: str) -> Hashable:
        """Equal for questions that these policies cannot tell apart. None where the facts are not what they should be:
        then Cedar is to say what is wrong with them."""
        if not _fit(facts):
            return None
        read = tuple(getattr(facts, name) for name in self.facts)
        truths = tuple(
            ORDER[sign](_value(left, facts), _value(right, facts))
            for sign, left, right in self.compared
        )
        return (read, truths, on_behalf_of if self.asks_for_whom else None)

    def look_at(self, expression: Any) -> None:
        """Note what this expression, or any part of it, takes from the context."""
        if isinstance(expression, list):
            for part in expression:
                self.look_at(part)
        elif isinstance(expression, dict):
            for kind, operands in expression.items():
                if not self._understands(kind, operands):
                    self.look_at(operands)

    def _understands(self, kind: str, operands: Any) -> bool:
        """Whether this is a way of reading the context that needs no look at its parts."""
        if kind == "Var" and operands == "context":  # all of it, in some way
            self.facts, self.asks_for_whom = set(NAMES), True
            return True
        if kind in ORDER:
            left, right = _operand(operands["left"]), _operand(operands["right"])
            if left is not None and right is not None:
                self.compared.add((kind, left, right))
                return True
        if kind in (".", "has"):
            if name := _fact(operands):
                self.facts.add(name)
                return True
            if operands == {"left": {"Var": "context"}, "attr": "on_behalf_of"}:
                self.asks_for_whom = True
                return True
        return False


def of_rules(rules: Iterable[Rule]) -> Reading:
    """What these policies look at, all of them together."""
    reading = Reading()
    for rule in rules:
        reading.look_at(rule.tree["conditions"])
    return reading


def _fact(operands: Mapping[str, Any]) -> str | None:
    """The name in `context.facts.name`, also where it is asked whether there is one."""
    whole = {".": {"left": {"Var": "context"}, "attr": "facts"}}
    is_fact = operands["left"] == whole and operands["attr"] in NAMES
    return operands["attr"] if is_fact else None


def _operand(expression: Mapping[str, Any]) -> Operand | None:
    """A number among the facts or a constant one."""
    if "." in expression:
        name = _fact(expression["."])
        return name if name in NUMBERS else None
    value = expression.get("Value")
    return value if type(value) is int else None


def _value(operand: Operand, facts: Facts) -> int:
    if isinstance(operand, int):
        return operand
    value: int = getattr(facts, operand)
    return value


def _fit(facts: Facts) -> bool:
    """Whether each fact is of its kind: to a mapping, 1, 1.0 and True are the same."""
    for name in NUMBERS:
        value = getattr(facts, name)
        if type(value) is not int or not -LONG <= value < LONG:
            return False
    for name in SETS:
        if type(value := getattr(facts, name)) is not frozenset and not (
            value is None and name == "residency"
        ):
            return False
    return all(type(getattr(facts, name)) is kind for name, kind in OTHERS.items())
