"""Named changes of a definition as it is written: each keeps the graph without a circle and takes references along.

Pure. An edit changes the tree it is given, in place, and tells in words what it did. The draft it makes may have
problems; only what cannot be meant is refused.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows import edges, node_tree, pasted
from workflows.definition_schema import MAX_NESTING, MAX_NODES, NODE_ID, ONLY_OUTSIDE, TOP
from workflows.edges import reach, spot_of
from workflows.errors import EditRefused
from workflows.new_nodes import new_node
from workflows.node_tree import Spot
from workflows.nodes import KINDS
from workflows.renaming import rename_everywhere, rename_in

_ID = re.compile(NODE_ID)
NOT_A_FIELD = frozenset({"id", "kind", "after", "body"})  # each has an edit of its own, or none


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit by its name, with what it takes."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an edit did: one sentence, and the node to look at next."""

    sentence: str
    node: str = ""


def apply(spec: Any, edit: Edit) -> Told:
    """Make one edit. Raises EditRefused, naming what is in the way; the tree may then be half changed."""
    if not isinstance(spec, dict) or not isinstance(spec.get("nodes"), list):
        raise EditRefused("The draft has no list of nodes that could be changed. Mend its text.")
    if edit.name not in EDITS:
        raise EditRefused(f"There is no edit “{edit.name}”. There are: {', '.join(EDITS)}.")
    _check_arguments(edit)
    try:
        return EDITS[edit.name](spec, **edit.arguments)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            raise EditRefused(
                f"The edit “{edit.name}” does not take that: {str(error).partition(') ')[2]}."
            ) from None
        raise


def _check_arguments(edit: Edit) -> None:
    """What programs send may be anything."""
    for name, value in edit.arguments.items():
        if name == "value":
            continue
        if name == "after" and edit.name == "set_after":
            fits, wanted = _is_list_of_texts(value), "a list of texts"
        elif name == "targets":
            fits = isinstance(value, Mapping) and all(map(_is_list_of_texts, value.values()))
            wanted = "an object with a list of nodes for each branch"
        elif name == "values":
            fits, wanted = value is None or isinstance(value, Mapping), "an object"
        elif name in ("take_over", "clear"):
            fits, wanted = isinstance(value, bool), "true or false"
        else:
            fits, wanted = isinstance(value, str), "a text"
        if not fits:
            raise EditRefused(f"“{name}” of the edit “{edit.name}” must be {wanted}.")


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def add(
    spec: Any,
    *,
    kind: str,
    after: str = "",
    branch: str = "",
    inside: str = "",
    id: str = "",
    title: str = "",
    take_over: bool = True,
    values: Mapping[str, Any] | None = None,
) -> Told:
    """A new node after another one, at the end of a container's body, or at the end of all.

    With `take_over`, what came after the other one comes after the new node instead.
    """
    nodes, place, depth = _place_for(spec, after, inside)
    node = new_node(kind, _new_id(spec, id or kind), title=title, values=values)
    _check_kind(kind, depth)
    if len(node_tree.ids(spec)) >= MAX_NODES:
        raise EditRefused(f"A definition has at most {MAX_NODES:,} nodes.")
    if after:
        _hang_on(spec, node, after, branch, take_over=take_over)
    elif place and kind != "input":
        node["after"] = edges.ends_of(nodes)
    nodes.insert(place, node)
    told = f" after “{after}”" if after else f" inside “{inside}”" if inside else ""
    return Told(sentence=f"Added {_named(node)}{told}", node=node["id"])


def insert(
    spec: Any, *, source: str, target: str, kind: str, id: str = "", title: str = ""
) -> Told:
    """A new node on the edge between two others."""
    before, behind = spot_of(spec, source), spot_of(spec, target)
    if before.nodes is not behind.nodes:
        raise EditRefused(f"There is no edge between “{source}” and “{target}”.")
    node = new_node(kind, _new_id(spec, id or kind), title=title)
    _check_kind(kind, before.depth)
    node["after"] = edges.redirect(behind, source, node["id"])
    if not node["after"]:
        raise EditRefused(f"“{target}” does not come after “{source}”.")
    before.nodes.insert(behind.place, node)
    return Told(sentence=f"Added {_named(node)} between “{source}” and “{target}”", node=node["id"])


def remove(spec: Any, *, node: str) -> Told:
    """A node and its body; what came after it comes after what it came after."""
    spot = spot_of(spec, node)
    edges.bridge(spot)
    name = _named(spot.written)
    del spot.nodes[spot.place]
    left = spot.nodes[max(0, spot.place - 1)] if spot.nodes else spot.container
    return Told(sentence=f"Removed {name}", node=str((left or {}).get("id", "")))


def duplicate(spec: Any, *, node: str, id: str = "") -> Told:
    """The same node once more, after the same ones; nothing comes after the copy yet."""
    spot = spot_of(spec, node)
    if spot.written.get("kind") == "input":
        raise EditRefused("A definition has exactly one input: it cannot be duplicated.")
    made = copy.deepcopy(spot.written)
    taken = set(node_tree.ids(spec))
    inner = [each.id for each in node_tree.spots({"nodes": [made]})]
    renamed: dict[str, str] = {}
    for old in inner:
        renamed[old] = _free_id(taken, old)
        taken.add(renamed[old])
    if id:
        renamed[node] = _new_id(spec, id)
    rename_in([made], renamed)
    made.pop("respond_here", None)
    if made.get("title"):
        made["title"] = f"{made['title']} (copy)"[:200]
    spot.nodes.insert(spot.place + 1, made)
    return Told(sentence=f"Duplicated “{node}” as “{made['id']}”", node=made["id"])


def paste(
    spec: Any,
    *,
    value: Any,
    after: str = "",
    branch: str = "",
    inside: str = "",
    take_over: bool = False,
) -> Told:
    """A node from elsewhere, as YAML or as an object. Names that are taken here become free ones, also inside it.

    Without a place it stands at the end, after what it says itself as far as that is here, else after the last nodes.
    """
    node = pasted.read(value) if isinstance(value, str) else pasted.of_value(value)
    asked = str(node["id"])
    nodes, place, depth = _place_for(spec, after, inside)
    kind = str(node["kind"])
    _check_kind(kind, depth)
    if kind == "input" and any(each.written.get("kind") == kind for each in node_tree.spots(spec)):
        raise EditRefused("A definition has exactly one input, and this one has it already.")
    renamed = _free_names(spec, node)
    rename_in([node], renamed)
    told = f", as “{asked}” is taken" if asked in renamed else ""
    if after:
        _hang_on(spec, node, after, branch, take_over=take_over)
        told += f" after “{after}”"
    else:
        told += pasted.keep_edges(node, nodes)
    nodes.insert(place, node)
    return Told(sentence=f"Pasted {_named(node)}{told}", node=node["id"])


def rename(spec: Any, *, node: str, to: str) -> Told:
    """Another id; edges, templates, conditions and expressions follow."""
    spot_of(spec, node)
    if node == to:
        return Told(sentence="", node=node)
    rename_everywhere(spec, {node: _new_id(spec, to, exact=True)})
    return Told(sentence=f"Renamed “{node}” to “{to}”", node=to)


def set_after(spec: Any, *, node: str, after: Sequence[str]) -> Told:
    """What it runs after, each as `node` or `node:branch`. Refuses what would close a loop."""
    spot = spot_of(spec, node)
    closing = reach(spot) & {node_tree.source_of(entry) for entry in after}
    if closing:
        raise EditRefused(
            f"“{node}” cannot run after {_listed(closing)}: that comes after it, and the graph would go round "
            "in a circle."
        )
    known = {each.id for each in node_tree.spots({"nodes": spot.nodes}) if each.depth == 0}
    for entry in after:
        if node_tree.source_of(entry) not in known:
            raise EditRefused(
                f"“{node}” cannot run after “{entry}”: there is no such node beside it."
            )
    edges.set_entries(spot, after)
    return Told(sentence=f"Changed what “{node}” runs after", node=node)


def set_branches(spec: Any, *, node: str, targets: Mapping[str, Sequence[str]]) -> Told:
    """Which nodes come after each branch that is named; other branches stay as they are."""
    spot = spot_of(spec, node)
    known = node_tree.branches_of(spot.written)
    for branch in targets:
        if branch not in known:
            raise EditRefused(f"“{node}” has no branch “{branch}”; it has {_listed(known)}.")
    for target in {each for chosen in targets.values() for each in chosen}:
        other = spot_of(spec, target)
        if other.nodes is not spot.nodes:
            raise EditRefused(f"No edge leads from “{node}” to “{target}”, which is not beside it.")
        if node in reach(other):
            raise EditRefused(
                f"“{node}” cannot lead to “{target}”, which comes before it: the graph would go round in a circle."
            )
    edges.set_branch_targets(spot, targets)
    return Told(sentence=f"Changed where “{node}” leads", node=node)


def rename_branch(spec: Any, *, node: str, branch: str, to: str) -> Told:
    """Another name for a branch of a condition; the edges that wait for it follow."""
    spot = spot_of(spec, node)
    if spot.written.get("kind") != "condition":
        raise EditRefused(f"“{node}” is no condition: its branches have their names from its kind.")
    if not _ID.fullmatch(to):
        raise EditRefused(f"“{to}” is no name for a branch: small letters, digits, underscores.")
    if to in node_tree.branches_of(spot.written):
        raise EditRefused(f"“{node}” has a branch “{to}” already. Choose another name.")
    edges.rename_branch(spot, branch, to)
    return Told(sentence=f"Renamed branch “{branch}” of “{node}” to “{to}”", node=node)


def set_field(spec: Any, *, node: str, field: str, value: Any = None, clear: bool = False) -> Told:
    """One member of a node; with `clear` it is left out."""
    spot = spot_of(spec, node)
    if field in NOT_A_FIELD:
        raise EditRefused(
            f"“{field}” of a node is not set like a field; there is an edit for that."
        )
    if clear:
        spot.written.pop(field, None)
        return Told(sentence=f"Cleared {field} of “{node}”", node=node)
    spot.written[field] = value
    return Told(sentence=f"Changed {field} of “{node}”", node=node)


def set_top(spec: Any, *, field: str, value: Any = None, clear: bool = False) -> Told:
    """One member of the definition itself, such as its title."""
    if field not in TOP["properties"] or field in ("grove", "name", "nodes"):
        raise EditRefused(f"“{field}” of a definition cannot be set.")
    if clear:
        spec.pop(field, None)
        return Told(sentence=f"Cleared {field}")
    if field in spec:
        spec[field] = value
    else:
        _put_before_nodes(spec, field, value)
    return Told(sentence=f"Changed {field}")


EDITS: Mapping[str, Callable[..., Told]] = {
    "add": add,
    "insert": insert,
    "remove": remove,
    "duplicate": duplicate,
    "paste": paste,
    "rename": rename,
    "set_after": set_after,
    "set_branches": set_branches,
    "rename_branch": rename_branch,
    "set_field": set_field,
    "set_top": set_top,
}


def _put_before_nodes(spec: Any, field: str, value: Any) -> None:
    """A reader looks for it above the nodes, which are long."""
    if hasattr(spec, "insert"):  # a mapping that remembers how it was written
        spec.insert(list(spec).index("nodes"), field, value)
    else:
        spec[field] = value


def _place_for(spec: Any, after: str, inside: str) -> tuple[list[Any], int, int]:
    if after:
        spot = spot_of(spec, after)
        return spot.nodes, spot.place + 1, spot.depth
    if inside:
        spot = spot_of(spec, inside)
        if not node_tree.is_container(spot.written):
            raise EditRefused(f"“{inside}” has no body.")
        body = spot.written.setdefault("body", {"nodes": []})
        inner: list[Any] = body.setdefault("nodes", [])
        return inner, len(inner), spot.depth + 1
    nodes: list[Any] = spec["nodes"]
    return nodes, len(nodes), 0


def _check_kind(kind: str, depth: int) -> None:
    if depth and kind in ONLY_OUTSIDE:
        raise EditRefused(f"A body has no node of kind {kind}.")
    if KINDS[kind].body is not None and depth >= MAX_NESTING:
        raise EditRefused(
            f"Bodies stand in each other at most {MAX_NESTING} deep. Make a workflow of its own of it."
        )


def _new_id(spec: Any, wanted: str, *, exact: bool = False) -> str:
    """The id that was asked for, which must be free; for a kind's name, the next free one."""
    if not _ID.fullmatch(wanted):
        raise EditRefused(
            f"“{wanted[:80]}” cannot be an id: small letters, digits and underscores, a letter first."
        )
    taken = node_tree.ids(spec)
    given = frozenset[str]().union(
        *(node_tree.given_by(each.written) for each in node_tree.spots(spec))
    )
    if wanted in given:
        raise EditRefused(f"“{wanted}” is a name that a body is given. Choose another id.")
    if wanted in taken and (exact or wanted not in KINDS):
        raise EditRefused(f"There is already a node “{wanted}”. Choose another id.")
    return _free_id(taken | given, wanted) if wanted in KINDS else wanted


def _free_id(taken: frozenset[str] | set[str], wanted: str) -> str:
    if wanted not in taken:
        return wanted
    stem = re.sub(r"_[0-9]+$", "", wanted)[:56]
    return next(name for count in range(2, 10_000) if (name := f"{stem}_{count}") not in taken)


def _hang_on(spec: Any, node: Any, after: str, branch: str, *, take_over: bool) -> None:
    """Put the new node behind another one; with `take_over`, what came after that one comes after the new one."""
    source = spot_of(spec, after)
    branch = branch or edges.free_branch(source)
    if take_over:
        edges.hand_over(source, branch, node["id"])
    node["after"] = [node_tree.written_as(after, branch)]


def _free_names(spec: Any, node: Mapping[str, Any]) -> dict[str, str]:
    """New names by the old ones, for what is in the pasted node and taken here."""
    inner = [each.id for each in node_tree.spots({"nodes": [node]})]
    given = (node_tree.given_by(each.written) for each in node_tree.spots(spec))
    taken = node_tree.ids(spec) | frozenset[str]().union(*given)
    if len(node_tree.ids(spec)) + len(inner) > MAX_NODES:
        raise EditRefused(f"A definition has at most {MAX_NODES:,} nodes.")
    renamed: dict[str, str] = {}
    for old in inner:
        if old in taken:
            renamed[old] = _free_id(taken | set(inner) | set(renamed.values()), old)
    return renamed


def _named(node: Mapping[str, Any]) -> str:
    kind = KINDS.get(str(node.get("kind")))
    return f"{kind.title.lower() if kind else 'node'} “{node['id']}”"


def _listed(names: Any) -> str:
    return ", ".join(f"“{name}”" for name in sorted(names))


def after_choices(spot: Spot) -> tuple[list[str], list[str]]:
    """The nodes that this one may run after, in order, and those left out because they come after it."""
    below = reach(spot)
    order = [node for node in node_tree.in_order(spot.nodes) if node != spot.id]
    return [node for node in order if node not in below], [node for node in order if node in below]
