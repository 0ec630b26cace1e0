"""approval: parks the run until a person with the right role approves or refuses.

An edge that names no branch waits for approval: whoever forgets the branch gets the careful one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from compliance.labels import join
from workflows.nodes.contract import (
    Answer,
    Inputs,
    Json,
    Kind,
    NodeContext,
    NodeFailed,
    NodeNote,
    Pause,
    Result,
    Template,
)
from workflows.nodes.filling import fill, fill_text

LONGEST_SECONDS = 366 * 86_400
APPROVED, REFUSED = "approved", "refused"
# Who writes a workflow does not approve what it does, and an auditor only looks.
APPROVERS = (
    "reviewer",
    "operator",
    "compliance_officer",
    "data_protection_officer",
    "admin",
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "question": {
            "type": "string",
            "minLength": 1,
            "maxLength": 10_000,
            "description": "What is asked, with {{ references }}.",
        },
        "show": {"description": "What the person sees beside it, with {{ references }}."},
        "approver": {"enum": list(APPROVERS), "description": "The role that may decide."},
        "expires_in_seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": LONGEST_SECONDS,
            "description": "Undecided after this, the node fails.",
        },
    },
    "required": ["question", "approver", "expires_in_seconds"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    question: str
    approver: str
    expires_in_seconds: int
    show: Json = None


def read(values: Mapping[str, Any]) -> Config:
    return Config(**{name: values[name] for name in SCHEMA["properties"] if name in values})


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Pause:
    question = {
        "question": fill_text(config.question, inputs),
        "show": fill(config.show, inputs),
    }
    return ctx.ask(
        kind="approval",
        question=question,
        schema=None,
        expires_at=ctx.now() + timedelta(seconds=config.expires_in_seconds),
        approver=config.approver,
    )


def resume(ctx: NodeContext, config: Config, _inputs: Inputs, answer: Answer) -> Result:
    """Take the branch that was decided. A refusal that nothing comes after fails the node."""
    if answer.expired:
        raise NodeFailed(
            "approval_expired",
            f"Nobody with the role {config.approver} decided within "
            f"{config.expires_in_seconds:,} seconds.",
        )
    notes = (NodeNote(event="approval.decided", body={"verdict": answer.verdict, "by": answer.by}),)
    if answer.verdict != APPROVED and REFUSED not in ctx.branches:
        raise NodeFailed("approval_refused", f"{answer.by or 'Somebody'} refused.", notes=notes)
    branch = APPROVED if answer.verdict == APPROVED else REFUSED
    output = {"verdict": branch, "by": answer.by, "reason": answer.sentence}
    labels = ctx.labels if answer.labels is None else join(ctx.labels, answer.labels)
    return Result(output=output, labels=labels, branch=branch, notes=notes)


def templates(config: Config) -> list[Template]:
    return [
        Template(path=("question",), value=config.question),
        Template(path=("show",), value=config.show),
    ]


def branches(_config: Config) -> list[str]:
    return [APPROVED, REFUSED]


def output_schema(_config: Config) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {
            "verdict": {"enum": [APPROVED, REFUSED]},
            "by": {"type": "string"},
            "reason": {"type": "string"},
        },
        "additionalProperties": False,
    }


KIND = Kind(
    name="approval",
    title="Approval",
    sentence="Waits until a person approves or refuses.",
    schema=SCHEMA,
    read=read,
    run=run,
    resume=resume,
    templates=templates,
    branches=branches,
    plain_branch=APPROVED,
    output_schema=output_schema,
)
