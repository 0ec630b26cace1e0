"""What changed between two texts of a definition, in words, node by node. Pure; for whoever edits at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflows import node_tree, source_parts
from workflows.errors import SourceUnreadable

MOST = 4
_NOTHING = object()


def summary(*, before: str, after: str) -> str:
    """One line for the list of revisions."""
    told = list(tell(before=before, after=after))
    if len(told) > MOST:
        told = [*told[: MOST - 1], f"and {len(told) - MOST + 1} more changes"]
    return "; ".join(told)


def tell(*, before: str, after: str) -> Iterator[str]:
    """A sentence for each change. Texts that cannot be read are compared as texts."""
    old, new = _read(before), _read(after)
    if old is None or new is None:
        if before != after:
            yield "Changed the text"
        return
    was = {spot.id: spot.written for spot in node_tree.spots(old)}
    now = {spot.id: spot.written for spot in node_tree.spots(new)}
    yield from (f"Added “{node}”" for node in now if node not in was)
    yield from (f"Removed “{node}”" for node in was if node not in now)
    for node, values in now.items():
        if node in was:
            yield from (f"Changed {name} of “{node}”" for name in differing(was[node], values))
    for name in differing(old, new):
        if name != "nodes":
            yield f"Changed {name}"
    if list(was) != list(now) and was.keys() == now.keys():
        yield "Changed the order of nodes"


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The members that differ; of a body its own nodes are told of by themselves."""
    return [
        name
        for name in {**before, **after}
        if name != "body" and before.get(name, _NOTHING) != after.get(name, _NOTHING)
    ]


def _read(text: str) -> Any:
    media = "json" if text.lstrip().startswith("{") else "yaml"
    try:
        value = source_parts.read(text, media)
    except SourceUnreadable:
        return None
    return value.value if isinstance(value.value, dict) else None
