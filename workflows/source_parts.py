"""The text of a definition in parts: what stands before its nodes, each node, what stands after. Pure.

Reading YAML is slow, and an edit changes one node of many: nodes that were read before are not read again. Only a text
that is laid out as people lay it out is parted; any other is read as a whole, as is every text with a fault in it, so
that a fault is told with its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from workflows import source
from workflows.errors import SourceUnreadable
from workflows.source import MAX_BYTES, MAX_VALUES, Media, Path, Place, Source

NODES = "nodes:\n"
_NODES = re.compile(r"^nodes:[ ]*(?:#.*)?\n", re.MULTILINE)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_SAYS_NOTHING = re.compile(r"[ ]*(?:#.*)?")
_ODD = re.compile(r"[\r\x85\u2028\u2029\ufeff]|^(?:---|\.\.\.|%)|^ *\t", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Put together they are the text. `head` ends before the first node; a comment belongs to what stands above it."""

    head: str
    nodes: tuple[str, ...]
    tail: str

    @property
    def indent(self) -> int:
        """How far in the nodes stand."""
        return _depth(self.nodes[0])


@lru_cache(maxsize=16)
def read(text: str, media: Media) -> Source:
    """As `source.read` does, remembered for the next who asks. Not to be changed. Raises SourceUnreadable."""
    found = _read_parts(text) if media == "yaml" else None
    return found or source.read(text, media=media)


def split(text: str) -> Parts | None:
    """None where the list of nodes does not stand at the top, node below node, in block style."""
    begins = _NODES.search(text)
    if begins is None or _ODD.search(text) or _NODES.search(text, begins.end()):
        return None
    lines = _LINE.findall(text, begins.end())
    first = next((at for at, line in enumerate(lines) if not _says_nothing(line)), None)
    if first is None:
        return None
    indent = _depth(lines[first])
    starts: list[int] = []
    end = len(lines)
    for at, line in enumerate(lines[first:], start=first):
        depth = _depth(line)
        if depth > indent or _says_nothing(line):
            continue
        if depth == indent and line.startswith(("- ", "-\n"), depth):
            starts.append(at)
        elif depth == 0 and starts:
            end = at
            break
        else:
            return None
    ends = [*starts[1:], end]
    return Parts(
        head=text[: begins.end()] + "".join(lines[:first]),
        nodes=tuple("".join(lines[a:b]) for a, b in zip(starts, ends, strict=True)),
        tail="".join(lines[end:]),
    )


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _says_nothing(line: str) -> bool:
    return _SAYS_NOTHING.fullmatch(line.rstrip("\n")) is not None


def _read_parts(text: str) -> Source | None:
    """None where it has to be read as a whole. What is left open in one part cannot be closed in another one."""
    parts = split(text) if len(text.encode("utf-8", "surrogatepass")) <= MAX_BYTES else None
    if parts is None:
        return None
    try:
        head = _read_part(parts.head)
        tail = _read_part(parts.tail) if not _is_empty(parts.tail) else Source({})
        nodes = [_read_part(NODES + node) for node in parts.nodes]
    except SourceUnreadable:
        return None
    if not _fit(head, nodes, tail):
        return None
    return _together(parts, head, nodes, tail)


def _fit(head: Source, nodes: list[Source], tail: Source) -> bool:
    """Whether each part is what it was taken for, and no name stands twice."""
    around = [head.value, tail.value]
    if not all(isinstance(value, dict) for value in around):
        return False
    is_list = head.value.get("nodes", "") is None and all(
        len(read.value["nodes"]) == 1 for read in nodes
    )
    return is_list and not head.value.keys() & tail.value.keys()


def _is_empty(tail: str) -> bool:
    return all(map(_says_nothing, _LINE.findall(tail)))


def _together(parts: Parts, head: Source, nodes: list[Source], tail: Source) -> Source | None:
    """The values of the parts as one, each place at its line of the whole text."""
    places: dict[Path, Place] = dict(head.places)
    listed: list[Any] = []
    line = parts.head.count("\n")
    for node, read in zip(parts.nodes, nodes, strict=True):
        inside = ((path[2:], place) for path, place in read.places.items() if len(path) > 1)
        for path, place in inside:
            places["nodes", len(listed), *path] = Place(place.line + line - 1, place.column)
        listed += read.value["nodes"]
        line += node.count("\n")
    for path, place in tail.places.items():
        if path:
            places[path] = Place(place.line + line, place.column)
    if len(places) > MAX_VALUES:
        return None
    return Source({**head.value, "nodes": listed, **tail.value}, places)


@lru_cache(maxsize=2048)
def _read_part(text: str) -> Source:
    return source.read(text)
