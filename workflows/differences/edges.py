"""What changed in what a node comes after. Edges of nodes that came or went are told with those. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from workflows.definition import Edge
from workflows.differences.change import Category, Change, Level, Mark
from workflows.differences.members import condition
from workflows.differences.placed import Placed
from workflows.differences.texts import listed
from workflows.expressions import Comparison

Key = tuple[str, str]


def changes(
    was: Placed, now: Placed, old: Mapping[str, Placed], new: Mapping[str, Placed]
) -> Iterator[Change]:
    """The edges into one node that is in both."""
    before, after = _keyed(was.edges), _keyed(now.edges)
    come = [key for key in after if key not in before and key[0] in old]
    gone = [key for key in before if key not in after and key[0] in new]
    for key in list(gone):  # the same node, another branch: one change
        other = next((each for each in come if each[0] == key[0]), None)
        if other is not None:
            come.remove(other)
            gone.remove(key)
            told = f"waits for {_branch(other)} of “{key[0]}” now, was {_branch(key)}"
            yield _change(now, Level.MEDIUM, told)
    for key in come:
        yield _change(now, Level.MEDIUM, f"comes after {_named(key)} now, too", mark="added")
    for key in gone:
        yield _change(now, Level.MEDIUM, f"no longer comes after {_named(key)}", mark="removed")
    for key, when in after.items():
        if key in before and when != before[key]:
            told = f"goes on from {_named(key)} {_when(when)} now, was {_when(before[key])}"
            yield _change(now, Level.MEDIUM, told)
    yield from _order(was, now)


def _order(was: Placed, now: Placed) -> Iterator[Change]:
    """Which branch comes first matters to a merge alone."""
    kept = [edge.source for edge in was.edges]
    listed_now = [edge.source for edge in now.edges]
    if now.node.kind != "merge" or sorted(kept) != sorted(listed_now) or kept == listed_now:
        return
    yield _change(now, Level.MEDIUM, f"takes the first of {listed(listed_now)} now, in this order")


def _change(now: Placed, level: Level, told: str, mark: Mark = "changed") -> Change:
    return Change(
        category=Category.EDGE,
        level=level,
        node=now.node.id,
        pointer=f"{now.pointer}/after",
        mark=mark,
        sentence=f"Node “{now.node.id}” {told}.",
    )


def _keyed(edges: tuple[Edge, ...]) -> dict[Key, list[Comparison | None]]:
    """The conditions of the edges from each node and branch."""
    found: dict[Key, list[Comparison | None]] = {}
    for edge in edges:
        found.setdefault((edge.source, edge.branch or ""), []).append(edge.when)
    return found


def _named(key: Key) -> str:
    return f"“{key[0]}” ({_branch(key)})" if key[1] else f"“{key[0]}”"


def _branch(key: Key) -> str:
    return f"the branch “{key[1]}”" if key[1] else "any branch"


def _when(conditions: list[Comparison | None]) -> str:
    told = [
        condition({"left": each.left, "op": each.op, "right": each.right})
        for each in conditions
        if each is not None
    ]
    return f"only when {' or '.join(told)}" if len(told) == len(conditions) else "always"
