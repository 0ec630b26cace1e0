"""delay: waits for some seconds, or until a moment. No worker is held meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workflows.nodes.contract import (
    Answer,
    Fault,
    Inputs,
    Kind,
    NodeContext,
    NodeFailed,
    Pause,
    Result,
    Template,
)
from workflows.nodes.filling import fill_text

LONGEST_SECONDS = 366 * 86_400
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "seconds": {"type": "number", "minimum": 0, "maximum": LONGEST_SECONDS},
        "until": {
            "type": "string",
            "minLength": 1,
            "description": "A moment with its time zone (ISO 8601), with {{ references }}.",
        },
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    seconds: float | None = None
    until: str | None = None


def read(values: Mapping[str, Any]) -> Config:
    return Config(seconds=values.get("seconds"), until=values.get("until"))


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result | Pause:
    """Wait. A moment that has passed is no wait at all."""
    until = _moment(ctx.now(), config, inputs)
    if until <= ctx.now():
        return _reached(until.isoformat())
    return Pause(kind="delay", until=until, about={"until": until.isoformat()})


def resume(_ctx: NodeContext, _config: Config, _inputs: Inputs, answer: Answer) -> Result:
    return _reached(str(answer.about["until"]))


def _reached(until: str) -> Result:
    return Result(output={"until": until})


def _moment(now: datetime, config: Config, inputs: Inputs) -> datetime:
    if config.until is None:
        return now + timedelta(seconds=config.seconds or 0)
    written = fill_text(config.until, inputs).strip()
    try:
        until = datetime.fromisoformat(written)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        raise NodeFailed(
            "moment_unreadable",
            "What `until` says is not a moment with its time zone, such as 2026-11-02T12:00:00Z.",
        )
    if until > now + timedelta(seconds=LONGEST_SECONDS):
        raise NodeFailed("delay_too_long", "The moment is more than a year away.")
    return until


def templates(config: Config) -> list[Template]:
    return [Template(path=("until",), value=config.until)] if config.until is not None else []


def faults(config: Config) -> list[Fault]:
    if (config.seconds is None) == (config.until is None):
        sentence = "It needs either `seconds` or `until`, and not both."
        return [Fault(path=(), code="delay_unclear", sentence=sentence)]
    if config.until is None or "{{" in config.until:
        return []
    try:
        if datetime.fromisoformat(config.until.strip()).tzinfo is not None:
            return []
    except ValueError:
        pass
    sentence = "`until` is not a moment with its time zone, such as 2026-11-02T12:00:00Z."
    return [Fault(path=("until",), code="moment_unreadable", sentence=sentence)]


def output_schema(_config: Config) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {"until": {"type": "string"}},
        "additionalProperties": False,
    }


KIND = Kind(
    name="delay",
    title="Delay",
    sentence="Waits for some time, or until a moment.",
    schema=SCHEMA,
    read=read,
    run=run,
    resume=resume,
    templates=templates,
    faults=faults,
    output_schema=output_schema,
)
