"""How two JSON Schemas differ, member by member. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.differences.texts import listed, said

Schema = Any  # a mapping, or what somebody wrote in its place
MOST_DEEP = 12
ANYTHING: Mapping[str, Any] = {}


def sentences(before: Schema, after: Schema) -> Iterator[tuple[str, str]]:
    """(pointer below the schema, sentence without its subject) for every difference, members in their order."""
    yield from _compare(_mapping(before), _mapping(after), pointer="", name="", depth=0)


def _compare(
    before: Mapping[str, Any], after: Mapping[str, Any], *, pointer: str, name: str, depth: int
) -> Iterator[tuple[str, str]]:
    if before == after:
        return
    if depth > MOST_DEEP:
        yield pointer, f"{_named(name)} is described otherwise"
        return
    old, new = _members(before), _members(after)
    needed_before, needed_after = _required(before), _required(after)
    for member in [*new, *(each for each in old if each not in new)]:
        path, inner = f"{pointer}/properties/{_escaped(member)}", _joined(name, member)
        if member not in old:
            needed = "required" if member in needed_after else "optional"
            yield path, f"“{inner}” is new ({_kind(new[member])}, {needed})"
        elif member not in new:
            yield path, f"“{inner}” is gone"
        else:
            if (member in needed_before) != (member in needed_after):
                told = "required now" if member in needed_after else "no longer required"
                yield path, f"“{inner}” is {told}"
            yield from _compare(
                _mapping(old[member]),
                _mapping(new[member]),
                pointer=path,
                name=inner,
                depth=depth + 1,
            )
    yield from _rest(before, after, old, new, pointer=pointer, name=name, depth=depth)


def _rest(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    pointer: str,
    name: str,
    depth: int,
) -> Iterator[tuple[str, str]]:
    """Whatever else the two say of this place: types, limits, values, entries."""
    unknown_before = _required(before) - old.keys()
    unknown_after = _required(after) - new.keys()
    if unknown_before != unknown_after:
        yield f"{pointer}/required", f"{_named(name)} requires {listed(sorted(unknown_after))} now"
    words = [*after, *(each for each in before if each not in after)]
    for word in words:
        if word in ("properties", "required"):
            continue
        was, now = before.get(word), after.get(word)
        if was == now:
            continue
        if word == "items" and isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _compare(
                was, now, pointer=f"{pointer}/items", name=f"{name}[]", depth=depth + 1
            )
            continue
        place = f"{pointer}/{_escaped(word)}"
        yield place, f"{_named(name)}: {_term(word)} is {said(now)} now, was {said(was)}"


def _term(word: str) -> str:
    return {
        "type": "the type",
        "enum": "the list of values",
        "additionalProperties": "whether other members may come",
        "title": "the title",
        "description": "the description",
    }.get(word, f"`{word}`")


def _mapping(value: Schema) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else ANYTHING


def _members(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(schema.get("properties"))


def _required(schema: Mapping[str, Any]) -> frozenset[str]:
    found = schema.get("required")
    return frozenset(found) if isinstance(found, list) else frozenset()


def _kind(schema: Schema) -> str:
    kind = _mapping(schema).get("type", "anything")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _joined(name: str, member: str) -> str:
    return f"{name}.{member}" if name else member


def _named(name: str) -> str:
    return f"“{name}”" if name else "the whole"


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
