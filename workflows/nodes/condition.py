"""condition: takes the first branch whose comparison holds. Nothing is evaluated as code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.expressions import NotComparable, Operator, compare
from workflows.nodes.contract import (
    Fault,
    Inputs,
    Json,
    Kind,
    NodeContext,
    NodeFailed,
    NodeNote,
    Result,
    Template,
)
from workflows.nodes.filling import fill

MAX_RECORDED = 300
_BRANCH = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "cases": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "description": "Tried in order; the first that holds names the branch.",
            "items": {
                "type": "object",
                "properties": {
                    "branch": _BRANCH,
                    "when": {
                        "type": "object",
                        "properties": {
                            "left": {},
                            "op": {"enum": [op.value for op in Operator]},
                            "right": {},
                        },
                        "required": ["left", "op", "right"],
                        "additionalProperties": False,
                    },
                },
                "required": ["branch", "when"],
                "additionalProperties": False,
            },
        },
        "otherwise": {**_BRANCH, "description": "The branch when no case holds."},
    },
    "required": ["cases", "otherwise"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    branch: str
    left: Json
    op: str
    right: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    cases: tuple[Case, ...]
    otherwise: str


def read(values: Mapping[str, Any]) -> Config:
    cases = tuple(Case(branch=case["branch"], **case["when"]) for case in values["cases"])
    return Config(cases=cases, otherwise=values["otherwise"])


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    """Take the first branch that holds, and record every case with the values it compared.

    A case that cannot be compared fails the node, unless an earlier one already held.
    """
    taken: str | None = None
    operands: list[dict[str, Json]] = []
    for case in config.cases:
        record: dict[str, Json] = {"branch": case.branch, "op": case.op, "held": None}
        operands.append(record)
        try:
            _judge(case, inputs, record)
        except NodeFailed as error:
            if taken is None:
                raise
            record["error"] = error.code
        if taken is None and record["held"]:
            taken = case.branch
    branch = config.otherwise if taken is None else taken
    return Result(
        output={"branch": branch, "operands": operands},
        branch=branch,
        notes=(NodeNote(event="branch.taken", body={"branch": branch}),),
    )


def _judge(case: Case, inputs: Inputs, record: dict[str, Json]) -> None:
    left, right = fill(case.left, inputs), fill(case.right, inputs)
    record["left"] = {"written": case.left, "value": _shortened(left)}
    record["right"] = {"written": case.right, "value": _shortened(right)}
    try:
        record["held"] = compare(left, case.op, right)
    except NotComparable as error:
        raise NodeFailed(
            "not_comparable", f"The case for branch “{case.branch}” cannot be decided: {error}"
        ) from None


def _shortened(value: Json) -> Json:
    # The record says what was compared; it is not a second copy of a long letter.
    if isinstance(value, str) and len(value) > MAX_RECORDED:
        return value[:MAX_RECORDED] + "…"
    if isinstance(value, dict | list) and len(str(value)) > MAX_RECORDED:
        return f"({'an object' if isinstance(value, dict) else 'a list'} of {len(value)})"
    return value


def templates(config: Config) -> list[Template]:
    return [
        Template(path=("cases", place, "when", side), value=getattr(case, side))
        for place, case in enumerate(config.cases)
        for side in ("left", "right")
    ]


def branches(config: Config) -> list[str]:
    return list(dict.fromkeys([*(case.branch for case in config.cases), config.otherwise]))


def faults(config: Config) -> list[Fault]:
    """Cases whose written values can never be compared."""
    found = []
    for place, case in enumerate(config.cases):
        if "{{" in str(case.left) or "{{" in str(case.right):
            continue
        try:
            compare(case.left, case.op, case.right)
        except NotComparable as error:
            found.append(
                Fault(
                    path=("cases", place, "when"),
                    code="not_comparable",
                    sentence=f"The case for branch “{case.branch}” can never hold: {error}",
                )
            )
    return found


def output_schema(_config: Config) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {"branch": {"type": "string"}, "operands": {"type": "array"}},
        "additionalProperties": False,
    }


KIND = Kind(
    name="condition",
    title="Condition",
    sentence="Compares values and chooses the branch that goes on.",
    schema=SCHEMA,
    read=read,
    run=run,
    templates=templates,
    branches=branches,
    faults=faults,
    output_schema=output_schema,
)
