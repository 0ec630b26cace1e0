"""Fills in both sides of a comparison and decides it, with a record of what was compared. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.expressions import Comparison, NotComparable, compare
from workflows.nodes.contract import Inputs, Json, NodeFailed
from workflows.nodes.filling import fill

MAX_RECORDED = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether a comparison held. `record` says what was written and what was compared."""

    held: bool
    record: dict[str, Json]


def judge(comparison: Comparison, inputs: Inputs) -> Judgement:
    """Decide a comparison. Raises NodeFailed where a reference leads nowhere or the sides do not compare."""
    record: dict[str, Json] = {"op": comparison.op, "held": None}
    held = judge_into(record, comparison, inputs)
    return Judgement(held=held, record=record)


def judge_into(record: dict[str, Json], comparison: Comparison, inputs: Inputs) -> bool:
    """Like `judge`, but what was compared stands in `record` also where that cannot be decided."""
    left, right = fill(comparison.left, inputs), fill(comparison.right, inputs)
    record["left"] = {"written": comparison.left, "value": shortened(left)}
    record["right"] = {"written": comparison.right, "value": shortened(right)}
    try:
        held = compare(left, comparison.op, right)
    except NotComparable as error:
        raise NodeFailed("not_comparable", str(error)) from None
    record["held"] = held
    return held


def shortened(value: Json) -> Json:
    """The record says what was compared; it is not a second copy of a long letter."""
    if isinstance(value, str) and len(value) > MAX_RECORDED:
        return value[:MAX_RECORDED] + "…"
    if isinstance(value, dict | list) and len(str(value)) > MAX_RECORDED:
        return f"({'an object' if isinstance(value, dict) else 'a list'} of {len(value)})"
    return value
