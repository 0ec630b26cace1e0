"""The semantic difference of two definitions: what may go another way, in words. Pure, and the same each time.

Layout, comments, the order in which nodes are written, and defaults that are spelled out make no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from workflows.definition import Definition
from workflows.differences import edges, members, top
from workflows.differences.change import (
    NO_CHANGE,
    Category,
    Change,
    Difference,
    Level,
    Part,
    bounded,
    headline,
)
from workflows.differences.members import Both
from workflows.differences.placed import Placed, by_id, find_renamed, with_ids
from workflows.differences.texts import listed
from workflows.nodes import KINDS

__all__ = [
    "NO_CHANGE",
    "Category",
    "Change",
    "Difference",
    "Level",
    "Part",
    "bounded",
    "compare",
    "headline",
]

# What a node of this kind may do to the world, or keep from happening to it, when it comes; when it goes.
_COMES = {
    "llm": Level.MEDIUM,
    "tool": Level.MEDIUM,
    "code": Level.MEDIUM,
    "callback": Level.MEDIUM,
    "sub_workflow": Level.MEDIUM,
}
_GOES = {"approval": Level.HIGH, "redact": Level.HIGH, "condition": Level.MEDIUM}


def compare(before: Definition | None, after: Definition) -> Difference:
    """What changed from one definition to the next; without a definition before, everything is new."""
    if before is None:
        new = by_id(after)
        return Difference(changes=(*top.first(after), *_of_nodes({}, new)))
    renamed = find_renamed(before, after)
    before = with_ids(before, renamed)
    old, new = by_id(before), by_id(after)
    changes = (
        *top.changes(before, after),
        *(_renamed(old_id, new[new_id]) for old_id, new_id in renamed.items()),
        *_of_nodes(old, new),
    )
    return Difference(changes=changes, renamed=tuple(renamed.items()))


def _of_nodes(old: Mapping[str, Placed], new: Mapping[str, Placed]) -> Iterator[Change]:
    """What came or went with a container as a whole is counted with it."""
    for name, placed in new.items():
        if name not in old:
            if not placed.container or placed.container in old:
                yield _added(placed, old, new)
            continue
        was = old[name]
        if was.container != placed.container:
            yield _moved(was, placed)
        yield from members.changes(
            Both(
                before=was.node,
                after=placed.node,
                spec_before=was.spec,
                spec_after=placed.spec,
                pointer=placed.pointer,
            )
        )
        yield from edges.changes(was, placed, old, new)
    for name, placed in old.items():
        if name not in new and (not placed.container or placed.container in new):
            yield _removed(placed, old)


def _added(placed: Placed, old: Mapping[str, Placed], new: Mapping[str, Placed]) -> Change:
    name = placed.node.id
    after = listed([str(edge) for edge in placed.edges])
    behind = [each for each in _behind(name, new) if each in old]
    return Change(
        category=Category.NODE,
        level=_COMES.get(placed.node.kind, Level.LOW),
        mark="added",
        node=name,
        pointer=placed.pointer,
        sentence=f"Node “{name}” ({_kind(placed)}) is new{_where(placed)}"
        f"{f', after {after}' if placed.edges else ''}"
        f"{f', before {listed(behind)}' if behind else ''}"
        f"{f', with {_inside(placed)} inside' if placed.node.body else ''}.",
    )


def _removed(placed: Placed, old: Mapping[str, Placed]) -> Change:
    behind = _behind(placed.node.id, old)
    return Change(
        category=Category.NODE,
        level=_GOES.get(placed.node.kind, Level.LOW),
        mark="removed",
        node=placed.node.id,
        pointer=placed.pointer,
        sentence=f"Node “{placed.node.id}” ({_kind(placed)}) is gone"
        f"{f'; after it came {listed(behind)}' if behind else ''}.",
    )


def _behind(name: str, among: Mapping[str, Placed]) -> list[str]:
    return [other for other, each in among.items() if any(e.source == name for e in each.edges)]


def _renamed(old_id: str, placed: Placed) -> Change:
    return Change(
        category=Category.NODE,
        node=placed.node.id,
        pointer=f"{placed.pointer}/id",
        sentence=f"Node “{old_id}” is called “{placed.node.id}” now, and does the same.",
    )


def _moved(was: Placed, now: Placed) -> Change:
    def place(container: str) -> str:
        return f"inside “{container}”" if container else "outside of any body"

    return Change(
        category=Category.NODE,
        level=Level.MEDIUM,
        node=now.node.id,
        pointer=now.pointer,
        sentence=f"Node “{now.node.id}” is {place(now.container)} now, was {place(was.container)}.",
    )


def _kind(placed: Placed) -> str:
    return KINDS[placed.node.kind].title.lower()


def _where(placed: Placed) -> str:
    return f" inside “{placed.container}”" if placed.container else ""


def _inside(placed: Placed) -> str:
    count = sum(1 for _ in placed.node.body.walk()) if placed.node.body else 0
    return f"{count} node{'' if count == 1 else 's'}"
