"""One node as somebody pastes it: YAML with or without its dash, indented as it stood where it was copied. Pure."""

from __future__ import annotations

import copy
import re
import textwrap
from typing import Any

from workflows import edges, node_tree, source
from workflows.definition_schema import NODE_ID
from workflows.differences.texts import listed
from workflows.errors import EditRefused, SourceUnreadable
from workflows.nodes import KINDS
from workflows.problems import meant
from workflows.source import Source
from workflows.yaml_text import value_to_yaml

_ID = re.compile(NODE_ID)
_ITEM = re.compile(r"- +\S")


def read(text: str) -> dict[str, Any]:
    """The node that the text says. Raises EditRefused, which names the line."""
    found = _read(text.replace("\r\n", "\n"))
    value = found.value
    path: source.Path = ()
    if isinstance(value, list):
        if len(value) != 1:
            raise _refused(found, (1,) if value else (), "Paste one node at a time.")
        value, path = value[0], (0,)
    return _checked(found, path, value)


def of_value(value: Any) -> dict[str, Any]:
    """The same of a node that was read already."""
    return _checked(source.of_value(value), (), value)


def to_text(written: Any) -> str:
    """A node as it can be pasted: its YAML as an entry of a list."""
    return textwrap.dedent(value_to_yaml([written]))


def keep_edges(node: dict[str, Any], nodes: list[Any]) -> str:
    """Leave the node after what is here of that which it says, else after the last ones; tells what is not here."""
    here = {each.id for each in node_tree.spots({"nodes": nodes}) if each.depth == 0}
    entries = node_tree.entries(node)
    kept = [entry for entry in entries if node_tree.source_of(entry) in here]
    gone = sorted({node_tree.source_of(entry) for entry in entries if entry not in kept})
    node.pop("after", None)
    if node["kind"] != "input" and nodes:
        node["after"] = kept or edges.ends_of(nodes)
    return f"; what it ran after is not here: {listed(gone)}" if gone else ""


def _read(text: str) -> Source:
    if not text.strip():
        raise EditRefused("Paste the YAML of a node.")
    straight = textwrap.dedent(text)
    try:
        return source.read(straight)
    except SourceUnreadable as error:
        first, _, rest = straight.strip("\n").partition("\n")
        if _ITEM.match(first) and rest.strip():  # copied from the dash on: the rest is too far in
            lead = "\n" * (len(straight) - len(straight.lstrip("\n")))
            try:
                moved = textwrap.indent(textwrap.dedent(rest), "  ")
                return source.read(f"{lead}{first}\n{moved}")
            except SourceUnreadable:
                pass
        line = f"Line {error.line}: " if error.line else ""
        raise EditRefused(f"{line}{error.sentence}", line=error.line) from None


def _checked(found: Source, path: source.Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refused(found, path, "This is no node: it has no id and no kind.")
    if "nodes" in value and "id" not in value:
        told = "This is a whole definition. Paste one of its nodes."
        raise _refused(found, (*path, "nodes"), told)
    kind, name = value.get("kind"), value.get("id")
    if not isinstance(kind, str) or kind not in KINDS:
        told = f"There is no kind “{kind}”.{meant(kind, KINDS)}" if kind else "It has no kind."
        raise _refused(found, (*path, "kind"), f"{told} A node is one of {', '.join(KINDS)}.")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        told = f"“{str(name)[:80]}” cannot be an id" if name else "It has no id"
        told = f"{told}: small letters, digits and underscores, a letter first."
        raise _refused(found, (*path, "id"), told)
    seen: set[str] = set()
    for spot in node_tree.spots({"nodes": [value]}):
        if spot.id in seen:
            raise _refused(found, path, f"Two nodes in it are called “{spot.id}”.")
        seen.add(spot.id)
    return copy.deepcopy(value)


def _refused(found: Source, path: source.Path, sentence: str) -> EditRefused:
    place = found.place(path)
    line = place.line if place else None
    return EditRefused(f"Line {line}: {sentence}" if line else sentence, line=line)
