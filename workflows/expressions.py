"""Conditions: left, operator, right. Pure, total and without any evaluation of code.

Types are compared strictly: a text never equals a number, true is not 1. Whatever cannot be
compared is an error, never false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Operator(StrEnum):
    """The whole grammar."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    IN = "in"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison as it is written: both sides are JSON values that may hold templates."""

    left: Any
    op: str
    right: Any


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "left": {},
        "op": {"enum": [op.value for op in Operator]},
        "right": {},
    },
    "required": ["left", "op", "right"],
    "additionalProperties": False,
}


class NotComparable(ValueError):
    """Two values that this operator cannot compare."""


_ORDERINGS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}
_TYPE_NAMES: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    ((list, tuple), "a list"),
    (Mapping, "an object"),
)


def compare(left: Any, op: Operator | str, right: Any) -> bool:
    """Whether the comparison holds. Raises NotComparable."""
    try:
        op = Operator(op)
    except ValueError:
        known = " ".join(each.value for each in Operator)
        raise NotComparable(f"“{op}” is not an operator. Use one of {known}.") from None
    match op:
        case Operator.EQUAL:
            return _equal(left, right)
        case Operator.NOT_EQUAL:
            return not _equal(left, right)
        case Operator.IN:
            return _is_member(left, right, op)
        case Operator.CONTAINS:
            return _is_member(right, left, op)
    return _ordered(left, op, right)


def type_name(value: Any) -> str:
    """The JSON type of a value, as people say it."""
    if value is None:
        return "nothing"
    # true and false are integers to Python, so they are asked first.
    for types, name in _TYPE_NAMES:
        if isinstance(value, types):
            return name
    return "something unknown"


def _equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if type_name(left) != type_name(right):
        raise NotComparable(
            f"{_capital(type_name(left))} is never equal or unequal to {type_name(right)}."
        )
    return same(left, right)


def same(left: Any, right: Any) -> bool:
    """Deep equality of JSON values in which true is not 1 and 1 equals 1.0."""
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        if type_name(one) != type_name(other):
            return False
        if isinstance(one, Mapping):
            if one.keys() != other.keys():
                return False
            pending.extend((one[key], other[key]) for key in one)
        elif isinstance(one, list | tuple):
            if len(one) != len(other):
                return False
            pending.extend(zip(one, other, strict=True))
        elif one != other:
            return False
    return True


def _ordered(left: Any, op: Operator, right: Any) -> bool:
    names = (type_name(left), type_name(right))
    if names[0] != names[1] or names[0] not in ("a number", "a text"):
        raise NotComparable(
            f"“{op}” orders two numbers or two texts, not {names[0]} and {names[1]}."
        )
    return _ORDERINGS[op](left, right)


def _is_member(member: Any, group: Any, op: Operator) -> bool:
    if isinstance(group, list | tuple):
        return any(same(member, each) for each in group)
    if isinstance(group, str) and isinstance(member, str):
        return member in group
    raise NotComparable(
        f"“{op}” looks for {type_name(member)} in {type_name(group)}; "
        "it needs a list, or a text in a text."
    )


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
