"""What changed in a tool call as it is written: the tool, where it goes, what it does there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from workflows.differences.change import Category, Change, Level
from workflows.differences.texts import said
from workflows.tools.declarations import READING

Told = Callable[[Category, Level, str, str], Change]  # makes the change: …, member, sentence
EMPTY: Mapping[str, Any] = {}


def changes(before: Any, after: Any, member: str, change: Told) -> Iterator[Change]:
    """`member` is where the call is written: its tool, its arguments, or a whole request."""
    if member == "tool":
        told = f"it calls the tool {said(after)} now, was {said(before)}"
        yield change(Category.TOOL, Level.HIGH, member, told)
    elif member == "arguments":
        yield from _arguments(before or EMPTY, after or EMPTY, member, change)
    else:
        yield from _request(before, after, member, change)


def origin_of(address: object) -> str:
    """“https://host:8443” of an address as it is written, “” where only the run decides it."""
    try:
        parts = urlsplit(str(address).partition("{{")[0])
        return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""
    except ValueError:
        return ""


def _request(before: Any, after: Any, member: str, change: Told) -> Iterator[Change]:
    if not before or not after:
        name = said((after or before).get("tool"))
        told = f"it calls the tool {name} now" if after else f"it no longer calls the tool {name}"
        yield change(Category.TOOL, Level.HIGH if after else Level.MEDIUM, member, told)
        return
    if before.get("tool") != after.get("tool"):
        yield from changes(before.get("tool"), after.get("tool"), "tool", change)
    yield from _arguments(
        before.get("arguments") or EMPTY,
        after.get("arguments") or EMPTY,
        f"{member}/arguments",
        change,
    )
    for name, usual in (("idempotent", False), ("timeout_seconds", 60)):
        was, now = before.get(name, usual), after.get(name, usual)
        if was != now:
            told = f"`{name}` of its call is {said(now)} now, was {said(was)}"
            yield change(Category.TOOL, Level.LOW, f"{member}/{name}", told)


def _arguments(
    before: Mapping[str, Any], after: Mapping[str, Any], member: str, change: Told
) -> Iterator[Change]:
    for name in [*after, *(each for each in before if each not in after)]:
        was, now = before.get(name), after.get(name)
        if name == "method":
            was, now = was or "GET", now or "GET"
        if was == now:
            continue
        place = f"{member}/{name}"
        if name == "url":
            yield _address(was, now, place, change)
        elif name == "method":
            writes = now not in READING and was in READING
            told = f"it sends {said(now)} now, was {said(was)}"
            yield change(Category.TOOL, Level.HIGH if writes else Level.LOW, place, told)
        elif name == "store":
            told = f"it uses the store {said(now)} now, was {said(was)}"
            yield change(Category.DESTINATION, Level.MEDIUM, place, told)
        else:
            told = f"the argument `{name}` is {said(now)} now, was {said(was)}"
            yield change(Category.TOOL, Level.MEDIUM, place, told)


def _address(was: object, now: object, place: str, change: Told) -> Change:
    if origin_of(was) != origin_of(now):
        told = f"it goes to {said(now)} now, was {said(was)}"
        return change(Category.DESTINATION, Level.HIGH, place, told)
    return change(Category.TOOL, Level.LOW, place, f"the address is {said(now)} now")
