"""An edit of the text of a definition: comments and style of its author stay wherever that can be done. Pure.

The edit is made twice: on the plain values, which say what the text must mean afterwards, and on the text's tree. Where
the text written from the tree means anything else, it is written anew from the values.
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

from workflows import edits, source
from workflows.edits import Edit, Told
from workflows.errors import EditRefused, SourceUnreadable
from workflows.source import Media
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
        before = source.read_known(text, media).value
    except SourceUnreadable as error:
        raise EditRefused(f"The text of this draft cannot be read: {error.sentence}") from None
    wanted = copy.deepcopy(before)
    told = [edits.apply(wanted, each) for each in changes]
    if wanted == before:
        return Edited(text=text, sentence="", node=_last_node(told))
    written = _as_json(wanted) if media == "json" else _as_yaml(text, changes, wanted)
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


def _as_yaml(text: str, changes: Sequence[Edit], wanted: Any) -> str:
    writer = _writer(text)
    try:
        tree = writer.load(text)
        for each in changes:
            edits.apply(tree, _as_it_is_written(each))
        stream = StringIO()
        writer.dump(tree, stream)
        if source.read_known(stream.getvalue()).value == wanted:
            return stream.getvalue()
    except (YAMLError, SourceUnreadable, EditRefused, ValueError, TypeError, KeyError, IndexError):
        pass  # the style of this text cannot be kept: it is written anew
    return to_yaml(wanted)


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


def _writer(text: str) -> YAML:
    writer = YAML(typ="rt", pure=True)
    writer.preserve_quotes = True
    writer.allow_unicode = True
    writer.width = 100_000
    dash_at_the_margin = re.search(r"^nodes:[^\n]*\n(?:\s*(?:#[^\n]*)?\n)*- ", text, re.MULTILINE)
    if dash_at_the_margin:
        writer.indent(mapping=2, sequence=2, offset=0)
    else:
        writer.indent(mapping=2, sequence=4, offset=2)
    writer.representer.ignore_aliases = lambda *_: True
    return writer
