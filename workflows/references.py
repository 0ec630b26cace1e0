"""Templates: `{{ node_id.path.to.field }}`, with `[0]` for places in a list. Pure.

Nothing is evaluated. A reference walks JSON objects and lists, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

MAX_TEXT = 4_000_000

_NODE = r"[a-z][a-z0-9_]{0,62}"
_STEP = r"\.[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]{1,6}\]"
_REFERENCE = re.compile(rf"({_NODE})((?:{_STEP})*)")
_ONE_STEP = re.compile(_STEP)


class TemplateUnreadable(ValueError):
    """A template whose braces hold something other than a reference."""


class ReferenceMissing(LookupError):
    """A reference that leads nowhere in the values at hand."""

    def __init__(self, sentence: str, *, skipped: bool = False) -> None:
        self.skipped = skipped
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Reference:
    """One `{{ … }}`: a node and the way into its output."""

    node: str
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return self.node + "".join(steps)


Part = str | Reference


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Part, ...]:
    """Literal texts and references in order. Raises TemplateUnreadable."""
    parts: list[Part] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end = text.find("}}", start)
        if end < 0:
            raise TemplateUnreadable(
                f"“{text[start : start + 30].strip()}” opens {{{{ and never closes it with }}}}."
            )
        if start > position:
            parts.append(text[position:start])
        parts.append(parse_reference(text[start + 2 : end].strip()))
        position = end + 2
    if position < len(text):
        parts.append(text[position:])
    return tuple(parts)


def parse_reference(written: str) -> Reference:
    """The reference between the braces. Raises TemplateUnreadable."""
    match = _REFERENCE.fullmatch(written)
    if match is None:
        raise TemplateUnreadable(
            f"“{written[:60]}” is not a reference. "
            "Write {{ node.field }}: a node, then names after dots or numbers in brackets."
        )
    steps = (step[0] for step in _ONE_STEP.finditer(match[2]))
    path = tuple(int(step[1:-1]) if step[0] == "[" else step[1:] for step in steps)
    return Reference(match[1], path)


def references_in(value: Any) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """Every reference in the texts of a JSON value, with the path of its text."""
    for path, text in texts_in(value):
        for part in parse(text):
            if isinstance(part, Reference):
                yield path, part


def texts_in(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in a JSON value that has braces, with its path, in order."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while pending:
        path, inner = pending.pop()
        if isinstance(inner, str):
            if "{{" in inner:
                yield path, inner
        elif isinstance(inner, Mapping):
            pending.extend(((*path, key), each) for key, each in reversed(list(inner.items())))
        elif isinstance(inner, list | tuple):
            pending.extend(((*path, n), each) for n, each in reversed(list(enumerate(inner))))


def render(value: Any, outputs: Mapping[str, Any]) -> Any:
    """The JSON value with its references filled in.

    A text that is exactly one reference becomes what it names, with its type. Raises
    ReferenceMissing where a reference leads nowhere, ValueError where the text grows too large.
    """
    if isinstance(value, str):
        return _render_text(value, outputs)
    if isinstance(value, Mapping):
        return {key: render(inner, outputs) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [render(inner, outputs) for inner in value]
    return value


def render_text(text: str, outputs: Mapping[str, Any]) -> str:
    """Like `render`, but always a text: values that are not texts are written as JSON."""
    return text_of(_render_text(text, outputs))


def _render_text(text: str, outputs: Mapping[str, Any]) -> Any:
    parts = parse(text)
    if len(parts) == 1 and isinstance(parts[0], Reference):
        return resolve(parts[0], outputs)
    pieces: list[str] = []
    size = 0
    for part in parts:
        piece = part if isinstance(part, str) else text_of(resolve(part, outputs))
        size += len(piece)
        if size > MAX_TEXT:
            raise ValueError(f"The text grew beyond {MAX_TEXT:,} characters.")
        pieces.append(piece)
    return "".join(pieces)


def resolve(reference: Reference, outputs: Mapping[str, Any]) -> Any:
    """What the reference names. Raises ReferenceMissing."""
    if reference.node not in outputs:
        raise ReferenceMissing(
            f"“{reference}” names node “{reference.node}”, which has no output in this run.",
            skipped=True,
        )
    value = outputs[reference.node]
    for count, step in enumerate(reference.path):
        if isinstance(step, int):
            found = isinstance(value, list) and step < len(value)
        else:
            found = isinstance(value, Mapping) and step in value
        if not found:
            so_far = Reference(reference.node, reference.path[:count])
            raise ReferenceMissing(f"“{reference}” leads nowhere: “{so_far}” has no “{step}”.")
        value = value[step]
    return value


def text_of(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a number of more than 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
