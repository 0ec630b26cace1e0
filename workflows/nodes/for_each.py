"""for_each: runs its body once for each entry of a list, several at a time, and gathers what they made.

A few failures may be allowed; more of them fail the node at once. Where there are many entries, each body
is a run of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workflows import references
from workflows.nodes.bodies import BODY, Ends, fill_after
from workflows.nodes.contract import (
    BodyEnd,
    Fault,
    Inputs,
    Json,
    Kind,
    NodeFailed,
    Result,
    Step,
    Template,
)
from workflows.nodes.filling import fill

MOST_ITEMS = 10_000
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": {
            "type": ["string", "array"],
            "description": "A list, or a text that is exactly one {{ reference }} to a list.",
        },
        "as": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9_]{0,62}$",
            "description": "The name of the entry in the body; item when left out.",
        },
        "width": {
            "type": "integer",
            "minimum": 1,
            "maximum": 64,
            "description": "How many bodies are under way at the same time; 4 when left out.",
        },
        "at_most": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_ITEMS,
            "description": "A longer list is refused; 1,000 when left out.",
        },
        "failures": {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_ITEMS,
            "description": "How many entries may fail; 0 when left out.",
        },
        "children_above": {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_ITEMS,
            "description": "With more entries than this, each is a run of its own; 25 when left out.",
        },
        "body": BODY,
        "value": {"description": "What each entry becomes, with references to nodes of the body."},
    },
    "required": ["items", "body", "value"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    items: Json
    value: Json
    name: str = "item"
    width: int = 4
    at_most: int = 1_000
    failures: int = 0
    children_above: int = 25


def read(values: Mapping[str, Any]) -> Config:
    taken = ("items", "value", "width", "at_most", "failures", "children_above")
    named = {"name": values["as"]} if "as" in values else {}
    return Config(**{name: values[name] for name in taken if name in values}, **named)


def body(config: Config) -> frozenset[str]:
    return frozenset({config.name, "index"})


def opens(config: Config, inputs: Inputs) -> Config:
    """With its list at hand, and not too long. Raises NodeFailed."""
    items = fill(config.items, inputs)
    if not isinstance(items, list):
        raise NodeFailed("items_not_a_list", "What `items` names is not a list.")
    if len(items) > config.at_most:
        raise NodeFailed(
            "too_many_items",
            f"The list has {len(items):,} entries; at most {config.at_most:,} are allowed here.",
        )
    return replace(config, items=items)


def follow(config: Config, inputs: Inputs, ends: Ends) -> Step:
    """Keep `width` bodies under way; when all have ended, gather what they made.

    The work is that of the bodies that start, not of all that there are. Raises NodeFailed.
    """
    items: list[Json] = config.items
    if len(ends.failed) > config.failures:
        _check_failures(config, [_told(index, ends[index]) for index in ends.failed])
    first = len(ends)
    last = min(len(items), first + config.width - ends.under_way)
    if first < last:
        start = tuple({config.name: items[index], "index": index} for index in range(first, last))
        return Step(start=start, in_children=len(items) > config.children_above)
    if ends.under_way:
        return Step()
    return Step(result=_gathered(config, inputs, [end for end in ends if end is not None]))


def _told(index: int, end: BodyEnd | None) -> dict[str, Json]:
    assert end is not None  # noqa: S101 - it failed
    return {"index": index, "code": end.code, "sentence": end.sentence}


def _check_failures(config: Config, failed: list[dict[str, Json]]) -> None:
    if len(failed) > config.failures:
        first = min(failed, key=lambda each: int(each["index"]))
        count = "1 entry" if len(failed) == 1 else f"{len(failed):,} entries"
        allowed = f"{config.failures:,} may fail" if config.failures else "none may fail"
        raise NodeFailed(
            "items_failed",
            f"{count} failed and {allowed}; the first is entry {first['index']} "
            f"({first['code']}): {first['sentence']}",
        )


def _gathered(config: Config, inputs: Inputs, ends: list[BodyEnd]) -> Result:
    values: list[Json] = []
    failed: list[dict[str, Json]] = []
    for index, end in enumerate(ends):
        values.append(None)
        if end.code:
            failed.append(_told(index, end))
            continue
        try:
            values[index] = fill_after(config.value, inputs, end)
        except NodeFailed as error:
            failed.append({"index": index, "code": error.code, "sentence": error.sentence})
    _check_failures(config, failed)
    return Result(output={"items": values, "failed": failed})


def templates(config: Config) -> list[Template]:
    return [
        Template(path=("items",), value=config.items),
        Template(path=("value",), value=config.value, inside=True),
    ]


def faults(config: Config) -> list[Fault]:
    if isinstance(config.items, list):
        if len(config.items) <= config.at_most:
            return []
        return [
            Fault(
                path=("items",),
                code="too_many_items",
                sentence=f"Its list has {len(config.items):,} entries; "
                f"at most {config.at_most:,} are allowed.",
            )
        ]
    try:
        parts = references.parse(config.items)
    except references.TemplateUnreadable:
        return []  # told where all templates are looked at
    if len(parts) == 1 and isinstance(parts[0], references.Reference):
        return []
    sentence = "`items` must be a list, or exactly one {{ reference }} to a list."
    return [Fault(path=("items",), code="items_not_a_list", sentence=sentence)]


def output_schema(_config: Config) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {"items": {"type": "array"}, "failed": {"type": "array"}},
        "additionalProperties": False,
    }


KIND = Kind(
    name="for_each",
    title="For each",
    sentence="Runs its body once for each entry of a list.",
    schema=SCHEMA,
    read=read,
    next=follow,
    opens=opens,
    body=body,
    templates=templates,
    faults=faults,
    output_schema=output_schema,
)
