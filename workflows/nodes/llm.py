"""llm: asks a model. With a schema, the answer is JSON that fits it, or the node fails.

Exactly one repair is asked for; nothing that was not validated flows on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from compliance.labels import Integrity, Labels, join
from workflows import json_schemas
from workflows.nodes.bounded import is_bounded
from workflows.nodes.contract import (
    Fault,
    FirstCall,
    Inputs,
    Json,
    Kind,
    ModelAnswer,
    NodeContext,
    NodeFailed,
    NodeNote,
    Result,
    Template,
)
from workflows.nodes.filling import fill_text

MAX_ANSWER = 1_000_000
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "model_group": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9_-]{0,62}$",
            "description": "Which group of models may answer.",
        },
        "system": {"type": "string", "description": "Who the model is to be, with references."},
        "prompt": {
            "type": "string",
            "minLength": 1,
            "description": "What is asked, with {{ references }}.",
        },
        "output": {
            "type": "object",
            "description": "JSON Schema 2020-12 of the answer. Without it the output is {text}.",
        },
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": 100_000},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "timeout_seconds": {"type": "integer", "minimum": 1, "maximum": 3600},
    },
    "required": ["model_group", "prompt"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    model_group: str
    prompt: str
    system: str = ""
    output: Mapping[str, Any] | None = None
    max_tokens: int = 1000
    temperature: float = 0.0
    timeout_seconds: int = 60


def read(values: Mapping[str, Any]) -> Config:
    return Config(**{name: values[name] for name in SCHEMA["properties"] if name in values})


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    """Ask once; where a schema is not met, say what was wrong and ask exactly once more."""
    first = first_call(config, inputs)
    answer = _ask(ctx, first, ctx.labels)
    labels = _joined(ctx.labels, answer)
    if config.output is None:
        return Result(
            output={"text": answer.text}, labels=labels.with_integrity(Integrity.UNTRUSTED)
        )
    notes: tuple[NodeNote, ...] = ()
    value, wrong = read_answer(answer.text, config.output)
    if wrong:
        notes = (NodeNote(event="output.repair", body={"count": 1, "faults": wrong}),)
        messages = _repair_messages(first.messages, answer.text, wrong)
        answer = _ask(ctx, replace(first, messages=messages), labels)
        labels = _joined(labels, answer)
        value, wrong = read_answer(answer.text, config.output)
    if wrong:
        raise NodeFailed(
            "output_schema_mismatch",
            f"The model’s answer does not fit the schema, and one repair did not help: {wrong[0]}.",
            notes=notes,
        )
    return Result(output=value, labels=_raised(labels, config.output), notes=notes)


def read_answer(text: str, schema: Mapping[str, Any]) -> tuple[Json, list[str]]:
    """The JSON in a model's answer, and what is wrong with it (empty: it fits)."""
    if len(text) > MAX_ANSWER:
        return None, [f"the answer is longer than {MAX_ANSWER:,} characters"]
    try:
        value = orjson.loads(without_fence(text))
    except json.JSONDecodeError as error:
        return None, [f"the answer is not JSON (line {error.lineno}, column {error.colno})"]
    return value, [str(fault) for fault in json_schemas.faults(schema, value)]


def without_fence(text: str) -> str:
    """The inside of the first code fence, or the text itself."""
    stripped = text.strip()
    start = stripped.find("```")
    if start < 0 or stripped[:1] in ("{", "["):
        return stripped
    _language, _newline, inside = stripped[start + 3 :].partition("\n")
    end = inside.rfind("```")
    return (inside if end < 0 else inside[:end]).strip()


def first_call(config: Config, inputs: Inputs) -> FirstCall:
    """What it asks a model. Raises NodeFailed where a reference leads nowhere."""
    messages = [{"role": "user", "content": fill_text(config.prompt, inputs)}]
    if config.system:
        messages.insert(0, {"role": "system", "content": fill_text(config.system, inputs)})
    return FirstCall(
        model_group=config.model_group,
        messages=messages,
        schema=config.output,
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        timeout_seconds=config.timeout_seconds,
    )


def _repair_messages(
    messages: Sequence[Mapping[str, str]], text: str, wrong: list[str]
) -> list[Mapping[str, str]]:
    told = "\n".join(f"- {sentence}" for sentence in wrong)
    return [
        *messages,
        {"role": "assistant", "content": text[:20_000]},
        {
            "role": "user",
            "content": f"This answer does not fit:\n{told}\n"
            "Answer again with only the corrected JSON, without any other text.",
        },
    ]


def _ask(ctx: NodeContext, call: FirstCall, labels: Labels) -> ModelAnswer:
    return ctx.model(
        model_group=call.model_group,
        messages=call.messages,
        schema=call.schema,
        max_tokens=call.max_tokens,
        temperature=call.temperature,
        timeout_seconds=call.timeout_seconds,
        labels=labels,
    )


def _joined(labels: Labels, answer: ModelAnswer) -> Labels:
    return labels if answer.labels is None else join(labels, answer.labels)


def _raised(labels: Labels, schema: Mapping[str, Any]) -> Labels:
    # The one declared way to raise integrity: an answer that has no room for instructions.
    return labels.with_integrity(Integrity.ENDORSED if is_bounded(schema) else Integrity.UNTRUSTED)


def templates(config: Config) -> list[Template]:
    return [
        Template(path=("system",), value=config.system),
        Template(path=("prompt",), value=config.prompt),
    ]


def faults(config: Config) -> list[Fault]:
    if config.output is None:
        return []
    return [
        Fault(
            path=("output", *fault.path),
            code="json_schema_invalid",
            sentence=f"The schema of its output is not sound: {fault}.",
        )
        for fault in json_schemas.check_schema(config.output)
    ]


def output_schema(config: Config) -> Mapping[str, Any]:
    if config.output is not None:
        return config.output
    return {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "additionalProperties": False,
    }


KIND = Kind(
    name="llm",
    title="Model",
    sentence="Asks a model and checks its answer.",
    schema=SCHEMA,
    read=read,
    run=run,
    first_call=first_call,
    templates=templates,
    faults=faults,
    output_schema=output_schema,
)
