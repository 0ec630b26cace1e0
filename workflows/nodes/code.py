"""code: computes a value in a sandbox that knows no world but the tools it may call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from compliance.labels import Labels, join
from workflows import sandbox
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
from workflows.nodes.filling import fill
from workflows.tools.declarations import DECLARED

MAX_CODE = 20_000
MEGABYTE = 1_000_000
OPTIONS = ("idempotent", "timeout_seconds")  # of a call, beside the tool's own arguments
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "code": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_CODE,
            "description": "Python. The value of the last expression is the output.",
        },
        "inputs": {
            "type": "object",
            "description": "Names that the code can use, with {{ references }}.",
            "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_]{0,62}$"},
        },
        "may_call": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"},
            "description": "Tools that the code may call as functions, with arguments by name.",
        },
        "limits": {
            "type": "object",
            "properties": {
                "seconds": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": sandbox.LONGEST_SECONDS,
                },
                "memory_mb": {"type": "integer", "minimum": 1, "maximum": 512},
            },
            "additionalProperties": False,
        },
    },
    "required": ["code"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    code: str
    inputs: Mapping[str, Json] = field(default_factory=dict)
    may_call: tuple[str, ...] = ()
    seconds: float = 5.0
    memory_mb: int = 64


def read(values: Mapping[str, Any]) -> Config:
    return Config(
        code=values["code"],
        inputs=values.get("inputs", {}),
        may_call=tuple(values.get("may_call", ())),
        **values.get("limits", {}),
    )


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    calls = _Calls(ctx)
    try:
        output = sandbox.run(
            config.code,
            inputs={name: fill(value, inputs) for name, value in config.inputs.items()},
            functions={name: partial(calls.make, name) for name in config.may_call},
            limits=sandbox.Limits(seconds=config.seconds, memory_bytes=config.memory_mb * MEGABYTE),
            at=ctx.now(),
        )
    except sandbox.CodeFailed as failed:
        raise NodeFailed(failed.code, failed.sentence) from None
    except sandbox.CallFailed as failed:
        raise NodeFailed(calls.code or "code_error", str(failed)) from None
    return Result(output=output, labels=calls.labels)


class _Calls:
    """The tool calls of one piece of code, and the labels of all that came back."""

    def __init__(self, ctx: NodeContext) -> None:
        self._ctx = ctx
        self.labels: Labels = ctx.labels
        self.code = ""  # of the last one that failed

    def make(self, name: str, given: Mapping[str, Json]) -> Json:
        """Raises CallFailed; whatever the code did before flows into the call, by its labels."""
        try:
            answer = self._ctx.tool(
                name=name,
                arguments={key: value for key, value in given.items() if key not in OPTIONS},
                idempotent=given.get("idempotent") is True,
                timeout_seconds=_seconds(given.get("timeout_seconds", 60)),
                labels=self.labels,
            )
        except NodeFailed as failed:
            self.code = failed.code
            raise sandbox.CallFailed(failed.sentence) from failed
        self.labels = self.labels if answer.labels is None else join(self.labels, answer.labels)
        return answer.output


def _seconds(given: Json) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 3600:
        raise sandbox.CallFailed("timeout_seconds is a whole number from 1 to 3600.")
    return given


def templates(config: Config) -> list[Template]:
    return [Template(path=("inputs", name), value=value) for name, value in config.inputs.items()]


def tools(config: Config) -> list[Template]:
    return [
        Template(path=("may_call", place), value=name) for place, name in enumerate(config.may_call)
    ]


def faults(config: Config) -> list[Fault]:
    found = []
    wrong = sandbox.check(config.code)
    if wrong is not None:
        found.append(Fault(path=("code",), code="code_unreadable", sentence=wrong.sentence))
    found += [
        Fault(
            path=("inputs", name),
            code="code_name_taken",
            sentence=f"“{name}” is a tool; give this input another name.",
        )
        for name in config.inputs
        if name in DECLARED
    ]
    return found


KIND = Kind(
    name="code",
    title="Code",
    sentence="Computes a value in a sandbox.",
    schema=SCHEMA,
    read=read,
    run=run,
    templates=templates,
    tools=tools,
    faults=faults,
)
