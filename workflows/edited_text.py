"""An edit of the text of a definition: comments and style of its author stay wherever that can be done. Pure.

The edit is made twice: on the plain values, which say what the text must mean afterwards, and on the text's tree. Only
nodes that change are written again, where the layout lets them be told apart; else all of the text is. Where what was
written from the tree means anything else, it is written anew from the values.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from workflows import edits, source_parts
from workflows.edits import Edit, Told
from workflows.errors import EditRefused, SourceUnreadable
from workflows.source import Media
from workflows.source_parts import NODES
from workflows.yaml_text import dressed, to_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The text after an edit, what was done, and the node to look at next."""

    text: str
    sentence: str
    node: str


def edit(text: str, changes: Sequence[Edit], *, media: Media = "yaml") -> Edited:
    """Make these edits in order. Raises EditRefused, also where the text cannot be read."""
    try:
        before = source_parts.read(text, media).value
    except SourceUnreadable as error:
        raise EditRefused(f"The text of this draft cannot be read: {error.sentence}") from None
    wanted = copy.deepcopy(before)
    told = [edits.apply(wanted, each) for each in changes]
    if wanted == before:
        return Edited(text=text, sentence="", node=_last_node(told))
    written = _as_json(wanted) if media == "json" else _as_yaml(text, changes, before, wanted)
    return Edited(text=written, sentence=_sentence(told), node=_last_node(told))


def _sentence(told: Sequence[Told]) -> str:
    said = list(dict.fromkeys(each.sentence for each in told if each.sentence))
    if len(said) > 4:
        said = [*said[:3], f"and {len(said) - 3} more changes"]
    return "; ".join(said)


def _last_node(told: Sequence[Told]) -> str:
    return next((each.node for each in reversed(told) if each.node), "")


def _as_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _as_yaml(text: str, changes: Sequence[Edit], before: Any, wanted: Any) -> str:
    for write in (_node_by_node, _as_a_whole):
        try:
            written = write(text, changes, before, wanted)
            if source_parts.read(written, "yaml").value == wanted:
                return written
        except (YAMLError, SourceUnreadable, EditRefused, LookupError, TypeError, ValueError):
            continue  # the style of this text cannot be kept so
    return to_yaml(wanted)


def _node_by_node(text: str, changes: Sequence[Edit], before: Any, wanted: Any) -> str:
    """Nodes that stay as they are keep their lines. Raises ValueError for what cannot be written so."""
    parts = source_parts.split(text)
    if parts is None:
        raise ValueError
    after = {node["id"]: node for node in wanted["nodes"]}
    kept = {
        node["id"]: part
        for node, part in zip(before["nodes"], parts.nodes, strict=True)
        if after.get(node["id"]) == node
    }
    writer = _writer(parts.indent)
    loaded = [
        {"nodes": [copy.deepcopy(node)]} if node["id"] in kept else writer.load(NODES + part)
        for node, part in zip(before["nodes"], parts.nodes, strict=True)
    ]
    mark = f"{parts.indent * ' '}- 0\n"  # stands for all nodes
    tree = writer.load(parts.head + mark + parts.tail)
    marked, tree["nodes"] = tree["nodes"], [each["nodes"][0] for each in loaded]
    for each in changes:
        edits.apply(tree, _as_it_is_written(each))
    nodes, tree["nodes"] = tree["nodes"], marked
    is_same = {**before, "nodes": 0} == {**wanted, "nodes": 0}
    around = [parts.head, parts.tail] if is_same else _dumped(writer, tree).split(mark)
    head, tail = around
    of_node = {id(each["nodes"][0]): each for each in loaded}
    written = [
        kept.get(node["id"]) or _dumped_node(writer, of_node.get(id(node), {"nodes": [node]}))
        for node in nodes
    ]
    lines = [each if each.endswith("\n") else f"{each}\n" for each in written]
    return head + "".join(lines) + tail


def _dumped_node(writer: YAML, tree: Any) -> str:
    return _dumped(writer, tree).removeprefix(NODES)


def _as_a_whole(text: str, changes: Sequence[Edit], before: Any, wanted: Any) -> str:
    dash_at_the_margin = re.search(r"^nodes:[^\n]*\n(?:\s*(?:#[^\n]*)?\n)*- ", text, re.MULTILINE)
    writer = _writer(0 if dash_at_the_margin else 2)
    tree = writer.load(text)
    for each in changes:
        edits.apply(tree, _as_it_is_written(each))
    return _dumped(writer, tree)


def _dumped(writer: YAML, tree: Any) -> str:
    stream = StringIO()
    writer.dump(tree, stream)
    return stream.getvalue()


def _as_it_is_written(each: Edit) -> Edit:
    """New texts in the style that YAML reads back unchanged; names stay plain."""
    arguments = dict(each.arguments)
    for name in ("value", "values"):
        if name in arguments:
            arguments[name] = _commented(dressed(arguments[name]))
    return Edit(name=each.name, arguments=arguments)


def _commented(value: Any) -> Any:
    if isinstance(value, dict):
        return CommentedMap((key, _commented(inner)) for key, inner in value.items())
    return value


def _writer(indent: int) -> YAML:
    """Of lists that stand so far in."""
    writer = YAML(typ="rt", pure=True)
    writer.preserve_quotes = True
    writer.allow_unicode = True
    writer.width = 100_000
    writer.indent(mapping=2, sequence=indent + 2, offset=indent)
    writer.representer.ignore_aliases = lambda *_: True
    return writer
