"""Changes of edges between the nodes of one list, as they are written. Pure; `edits` decides what may be changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflows import node_tree
from workflows.errors import EditRefused
from workflows.node_tree import Spot, branch_of, source_of, written_as


def spot_of(spec: Any, node: str) -> Spot:
    """Where the node stands. Raises EditRefused."""
    spot = node_tree.find(spec, node)
    if spot is None:
        raise EditRefused(f"There is no node “{node}” in this draft.")
    return spot


def reach(spot: Spot) -> frozenset[str]:
    """The node itself and all that comes after it: what it can never run after."""
    return node_tree.graph_of(spot.nodes).descendants(spot.id) | {spot.id}


def free_branch(source: Spot) -> str:
    """The first branch that nothing comes after yet, else the first; empty for a node without branches."""
    if node_tree.plain_branch_of(source.written):
        return ""
    branches = [each for each in node_tree.branches_of(source.written) if each != "failed"]
    taken = {branch_of(entry) for _, entry in _out_of(source)}
    return next((each for each in branches if each not in taken), branches[0] if branches else "")


def hand_over(source: Spot, branch: str, node: str) -> None:
    """What came after this branch of the source comes after another node, which is not in the list yet."""
    for target, entry in _out_of(source):
        if branch_of(entry) == branch:
            redirect(target, source.id, node, only=entry)


def redirect(target: Spot, source: str, node: str, *, only: Any = None) -> list[Any]:
    """Let the target come after `node` where it came after `source`; gives back the entries that were replaced."""
    after = target.written.get("after")
    replaced = [
        entry
        for entry in node_tree.entries(target.written)
        if source_of(entry) == source and (only is None or entry is only)
    ]
    if isinstance(after, list) and replaced:
        _replace(after, replaced, [node])
    return replaced


def bridge(spot: Spot) -> None:
    """Let what comes after the node come after what the node comes after."""
    before = [entry for entry in node_tree.entries(spot.written) if source_of(entry) != spot.id]
    for target, _ in _out_of(spot):
        after = target.written["after"]
        gone = [entry for entry in after if source_of(entry) == spot.id]
        _replace(after, gone, before)
        if not after:
            del target.written["after"]


def set_entries(spot: Spot, wanted: Sequence[str]) -> None:
    """What the node comes after. An entry that was there stays as it was written, with what it compares."""
    plain = {
        each.id: node_tree.plain_branch_of(each.written)
        for each in node_tree.spots({"nodes": spot.nodes})
    }

    def key(entry: Any) -> tuple[str, str]:
        return source_of(entry), branch_of(entry) or plain.get(source_of(entry), "")

    asked = list(dict.fromkeys(key(entry) for entry in wanted))
    there = {key(entry): entry for entry in node_tree.entries(spot.written)}
    kept = [each for each in there if each in asked]
    entries = [there[each] for each in kept]
    entries += [
        written_as(source, "" if branch == plain.get(source) else branch)
        for source, branch in asked
        if (source, branch) not in there
    ]
    _write(spot, entries)


def set_branch_targets(spot: Spot, targets: Mapping[str, Sequence[str]]) -> None:
    """Which nodes of the list come after each of these branches."""
    plain = node_tree.plain_branch_of(spot.written)
    for other in list(node_tree.spots({"nodes": spot.nodes})):
        if other.depth or other.id == spot.id:
            continue
        entries = node_tree.entries(other.written)
        mine = {branch_of(each) or plain: each for each in entries if source_of(each) == spot.id}
        wanted = {branch for branch, chosen in targets.items() if other.id in chosen}
        kept = [
            each
            for each in entries
            if source_of(each) != spot.id
            or (branch_of(each) or plain) not in targets
            or (branch_of(each) or plain) in wanted
        ]
        new = [
            written_as(spot.id, "" if branch == plain else branch)
            for branch in targets
            if branch in wanted and branch not in mine
        ]
        if new or len(kept) != len(entries):
            _write(other, [*kept, *new])


def rename_branch(spot: Spot, old: str, new: str) -> None:
    """In the cases of a condition, and in the edges that wait for it."""
    written = spot.written
    for case in written.get("cases") or []:
        if isinstance(case, dict) and case.get("branch") == old:
            case["branch"] = new
    if written.get("otherwise") == old:
        written["otherwise"] = new
    for target, entry in _out_of(spot):
        if branch_of(entry) != old:
            continue
        if isinstance(entry, str):
            _replace(target.written["after"], [entry], [written_as(spot.id, new)])
        else:
            entry["branch"] = new


def ends_of(nodes: list[Any]) -> list[Any]:
    """Entries for what nothing comes after yet: where a node at the end of the list goes on."""
    graph = node_tree.graph_of(nodes)
    leaves = [node for node in graph.leaves if _kind(nodes, node) != "output"]
    return [
        written_as(spot.id, free_branch(spot))
        for spot in node_tree.spots({"nodes": nodes})
        if spot.depth == 0 and spot.id in leaves
    ]


def _kind(nodes: list[Any], node: str) -> str:
    spot = node_tree.find({"nodes": nodes}, node)
    return str(spot.written.get("kind")) if spot else ""


def _out_of(spot: Spot) -> list[tuple[Spot, Any]]:
    """The nodes that come after this one, each with the entry that says so."""
    return [
        (other, entry)
        for other in node_tree.spots({"nodes": spot.nodes})
        if other.depth == 0 and other.id != spot.id
        for entry in node_tree.entries(other.written)
        if source_of(entry) == spot.id
    ]


def _write(spot: Spot, entries: list[Any]) -> None:
    if not entries:
        spot.written.pop("after", None)
        return
    after = spot.written.get("after")
    if isinstance(after, list):
        after[:] = entries  # in place: the list keeps the style it is written in
    else:
        spot.written["after"] = entries


def _replace(after: list[Any], gone: list[Any], new: Sequence[Any]) -> None:
    """Put the new entries where the first of the old ones was; nothing stands twice."""
    place = next(count for count, entry in enumerate(after) if any(entry is each for each in gone))
    kept = [entry for entry in after if not any(entry is each for each in gone)]
    there = [(source_of(entry), branch_of(entry)) for entry in kept]
    added = [each for each in new if (source_of(each), branch_of(each)) not in there]
    after[:] = [*kept[:place], *added, *kept[place:]]
