"""refine: runs its body again and again until what it made is accepted, or the rounds are used up.

Each round is given what the one before it made, and what was found wanting. One note for each round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workflows import expressions
from workflows.expressions import Comparison, NotComparable, compare
from workflows.nodes.bodies import BODY, Ends, fill_after, seen_by
from workflows.nodes.comparing import judge
from workflows.nodes.contract import (
    Fault,
    Inputs,
    Json,
    Kind,
    NodeFailed,
    NodeNote,
    Result,
    Step,
    Template,
)

MOST_ROUNDS = 20
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "rounds": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_ROUNDS,
            "description": "How often the body runs at most; 3 when left out.",
        },
        "body": BODY,
        "accept": {
            **expressions.SCHEMA,
            "description": "What must hold after a round for its value to be taken.",
        },
        "value": {"description": "What a round made, with references to nodes of the body."},
        "feedback": {
            "description": "What the next round is told as {{ feedback }}; null when left out."
        },
        "on_exhausted": {
            "enum": ["fail", "last"],
            "description": "fail, or take the value of the last round; fail when left out.",
        },
    },
    "required": ["body", "accept", "value"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    accept: Comparison
    value: Json
    feedback: Json = None
    rounds: int = 3
    on_exhausted: Literal["fail", "last"] = "fail"


def read(values: Mapping[str, Any]) -> Config:
    taken = ("value", "feedback", "rounds", "on_exhausted")
    return Config(
        accept=Comparison(**values["accept"]),
        **{name: values[name] for name in taken if name in values},
    )


def body(_config: Config) -> frozenset[str]:
    return frozenset({"previous", "feedback", "round"})


def follow(config: Config, inputs: Inputs, ends: Ends) -> Step:
    """One round after the other. Raises NodeFailed where a round failed, or none was accepted."""
    if not len(ends):
        return Step(start=({"previous": None, "feedback": None, "round": 1},))
    end, rounds = ends[-1], len(ends)
    if end is None:
        return Step()
    if end.code:
        raise NodeFailed(end.code, f"Round {rounds} failed: {end.sentence}")
    value = fill_after(config.value, inputs, end)
    accepted = judge(config.accept, seen_by(inputs, end)).held
    event = "refine.accepted" if accepted else "refine.rejected"
    notes = (NodeNote(event=event, body={"round": rounds, "of": config.rounds}),)
    if not accepted and rounds < config.rounds:
        feedback = fill_after(config.feedback, inputs, end)
        given = {"previous": value, "feedback": feedback, "round": rounds + 1}
        return Step(start=(given,), notes=notes)
    if not accepted and config.on_exhausted == "fail":
        raise NodeFailed(
            "refine_exhausted", f"None of {config.rounds} rounds was accepted.", notes=notes
        )
    output = {"value": value, "rounds": rounds, "accepted": accepted}
    return Step(result=Result(output=output, notes=notes))


def templates(config: Config) -> list[Template]:
    return [
        Template(path=("accept", "left"), value=config.accept.left, inside=True),
        Template(path=("accept", "right"), value=config.accept.right, inside=True),
        Template(path=("value",), value=config.value, inside=True),
        Template(path=("feedback",), value=config.feedback, inside=True),
    ]


def faults(config: Config) -> list[Fault]:
    """An `accept` that holds always or never says nothing about a round."""
    left, right = config.accept.left, config.accept.right
    if "{{" in str(left) or "{{" in str(right):
        return []
    try:
        compare(left, config.accept.op, right)
    except NotComparable as error:
        sentence = f"Its `accept` can never hold: {error}"
        return [Fault(path=("accept",), code="not_comparable", sentence=sentence)]
    sentence = "Its `accept` names nothing of the body, so every round ends the same."
    return [Fault(path=("accept",), code="accept_is_fixed", sentence=sentence)]


def output_schema(_config: Config) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {
            "value": {},
            "rounds": {"type": "integer"},
            "accepted": {"type": "boolean"},
        },
        "additionalProperties": False,
    }


KIND = Kind(
    name="refine",
    title="Refine",
    sentence="Runs its body until what it made is accepted, a bounded number of times.",
    schema=SCHEMA,
    read=read,
    next=follow,
    body=body,
    carries_over=True,
    templates=templates,
    faults=faults,
    output_schema=output_schema,
)
