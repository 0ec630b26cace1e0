"""condition: takes the first branch whose comparison holds. Nothing is evaluated as code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows import expressions
from workflows.expressions import Comparison, NotComparable, compare
from workflows.nodes.comparing import judge_into
from workflows.nodes.contract import (
    Fault,
    Inputs,
    Json,
    Kind,
    NodeContext,
    NodeFailed,
    Result,
    Template,
)

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
                    "when": expressions.SCHEMA,
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
    when: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    cases: tuple[Case, ...]
    otherwise: str


def read(values: Mapping[str, Any]) -> Config:
    cases = tuple(
        Case(branch=case["branch"], when=Comparison(**case["when"])) for case in values["cases"]
    )
    return Config(cases=cases, otherwise=values["otherwise"])


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    """Take the first branch that holds, and record every case with the values it compared.

    A case that cannot be compared fails the node, unless an earlier one already held.
    """
    taken: str | None = None
    operands: list[dict[str, Json]] = []
    for case in config.cases:
        record: dict[str, Json] = {"branch": case.branch, "op": case.when.op, "held": None}
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
    return Result(output={"branch": branch, "operands": operands}, branch=branch)


def _judge(case: Case, inputs: Inputs, record: dict[str, Json]) -> None:
    try:
        judge_into(record, case.when, inputs)
    except NodeFailed as error:
        if error.code != "not_comparable":
            raise
        raise NodeFailed(
            error.code, f"The case for branch “{case.branch}” cannot be decided: {error.sentence}"
        ) from None


def templates(config: Config) -> list[Template]:
    return [
        Template(path=("cases", place, "when", side), value=getattr(case.when, side))
        for place, case in enumerate(config.cases)
        for side in ("left", "right")
    ]


def branches(config: Config) -> list[str]:
    return list(dict.fromkeys([*(case.branch for case in config.cases), config.otherwise]))


def faults(config: Config) -> list[Fault]:
    """Cases whose written values can never be compared."""
    found = []
    for place, case in enumerate(config.cases):
        when = case.when
        if "{{" in str(when.left) or "{{" in str(when.right):
            continue
        try:
            compare(when.left, when.op, when.right)
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
    pure=True,
    templates=templates,
    branches=branches,
    faults=faults,
    output_schema=output_schema,
)
