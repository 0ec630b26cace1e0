"""Reads the text of a definition into plain JSON values, remembering where each one stood.

Pure. One pass over the YAML events, so that size, depth, anchors and duplicate keys are refused
before anything is built from them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from workflows.errors import SourceUnreadable

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_VALUES = 20_000  # about a second of reading
MAX_INTEGER = 2**53 - 1  # what RFC 8785 can write without loss

Media = Literal["yaml", "json"]
Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the text, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Source:
    """What the text says, and where it says it."""

    value: Any
    places: Mapping[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place | None:
        """The place of the value at this path, or of the nearest one around it."""
        for length in range(len(path), -1, -1):
            if place := self.places.get(path[:length]):
                return place
        return None


def read(text: str | bytes, *, media: Media = "yaml") -> Source:
    """Read YAML 1.2 or JSON. Raises SourceUnreadable with a line where there is one."""
    written = _decoded(text)
    if media == "json":
        return _read_json(written)
    return _Builder().build(_events(written))


def of_value(value: Any) -> Source:
    """A source for a value that has no text."""
    return Source(value)


def _decoded(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise SourceUnreadable(
            "source_too_large",
            f"The definition has {size:,} bytes; {MAX_BYTES:,} are allowed. "
            "Move long texts out of it.",
        )
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise SourceUnreadable(
                "source_not_utf8", "The definition is not UTF-8 text. Save it as UTF-8.", line=line
            ) from None
    return text.removeprefix("\ufeff")


def _read_json(text: str) -> Source:
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise SourceUnreadable(
            "json_syntax",
            f"This is not JSON: {error.msg}.",
            line=error.lineno,
            column=error.colno,
        ) from None
    except RecursionError:
        raise _too_deep(None) from None
    _check_plain(value)
    return Source(value, _places_of_json(text))


def _places_of_json(text: str) -> Mapping[Path, Place]:
    # JSON is read by the JSON parser; the YAML parser, of which JSON is nearly a subset, only
    # lends the places. Where it does not follow (tabs between tokens), there are none.
    try:
        return _Builder().build(_events(text.replace("\t", " "))).places
    except SourceUnreadable:
        return {}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise SourceUnreadable("duplicate_key", f"“{key}” stands twice in the same object.")
        found[key] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise SourceUnreadable("number_out_of_range", f"{name} is not a number that JSON knows.")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(number := int(digits)) > MAX_INTEGER:
        raise SourceUnreadable(
            "number_out_of_range",
            f"The number {digits[:30]} is too large. Write it as a text in quotes.",
        )
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise SourceUnreadable(
            "number_out_of_range", f"The number {digits[:30]} is too large to be exact."
        )
    return number


def _check_plain(value: Any) -> None:
    """Refuse what YAML cannot carry back or what is nested too deep."""
    pending = [(value, 0)]
    while pending:
        inner, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise _too_deep(None)
        if isinstance(inner, str):
            _checked_text(inner, None)
        elif isinstance(inner, dict):
            pending.extend((key, depth) for key in inner)
            pending.extend((each, depth + 1) for each in inner.values())
        elif isinstance(inner, list):
            pending.extend((each, depth + 1) for each in inner)


def _checked_text(text: str, event: Event | None) -> str:
    if "\0" in text:
        raise _unreadable("text_invalid", "A text holds a null character.", event)
    if any("\ud800" <= character <= "\udfff" for character in text):
        try:  # YAML's \ud83d\ude00 comes as two halves of one character
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise _unreadable(
                "text_invalid", "A text holds half of a character (a lone surrogate).", event
            ) from None
    return text


def _events(text: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = " ".join(part for part in (error.context, error.problem) if part)
        raise SourceUnreadable(
            "yaml_syntax",
            f"This is not YAML: {told}.",
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise SourceUnreadable("yaml_syntax", f"This is not YAML: {_first_line(error)}.") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


class _Builder:
    """Builds one document from YAML events, with a stack instead of recursion."""

    def __init__(self) -> None:
        self.places: dict[Path, Place] = {}
        self.open: list[tuple[Path, dict[str, Any] | list[Any]]] = []
        self.keys: list[str | None] = []
        self.key_place = Place(1, 1)
        self.documents = 0
        self.root: Any = None
        loader = YAML(typ="safe", pure=True)
        self.resolver = loader.resolver
        self.constructor = loader.constructor

    def build(self, events: Iterator[Event]) -> Source:
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self._start_document(event)
            elif isinstance(event, NodeEvent):
                self._take(event)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self.open.pop()
                self.keys.pop()
        if not self.documents:
            raise SourceUnreadable("source_empty", "The definition is empty.", line=1)
        return Source(self.root, self.places)

    def _start_document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _unreadable(
                "yaml_documents", "There is a second document (---). Keep one per text.", event
            )

    def _take(self, event: NodeEvent) -> None:
        if isinstance(event, AliasEvent) or event.anchor is not None:
            raise _unreadable(
                "anchor_refused",
                "Anchors and aliases (& and *) are not used here. Write the value out.",
                event,
            )
        if isinstance(event, ScalarEvent):
            if self._awaits_key():
                self._take_key(event)
            else:
                self._put(event, self._scalar(event))
            return
        if self._awaits_key():
            raise _unreadable("key_not_text", "A key must be a text.", event)
        if _tag_of(event) not in (None, "!", f"{_TAG}map", f"{_TAG}seq"):
            raise _tag_refused(event)
        if len(self.open) >= MAX_DEPTH:
            raise _too_deep(event)
        value: dict[str, Any] | list[Any] = [] if isinstance(event, SequenceStartEvent) else {}
        path = self._put(event, value)
        self.open.append((path, value))
        self.keys.append(None)

    def _awaits_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1][1], dict) and self.keys[-1] is None

    def _take_key(self, event: ScalarEvent) -> None:
        key = self._scalar(event)
        if not isinstance(key, str):
            # `on:`, `1:` and `null:` read as they look
            key = event.value
        if key == "<<":
            raise _unreadable("anchor_refused", "Merge keys (<<) are not used here.", event)
        if key in self.open[-1][1]:
            raise _unreadable("duplicate_key", f"“{key}” stands twice in the same mapping.", event)
        self.keys[-1] = key
        self.key_place = _place(event)

    def _put(self, event: Event, value: Any) -> Path:
        if len(self.places) >= MAX_VALUES:
            raise _unreadable("too_many_values", f"More than {MAX_VALUES:,} values.", event)
        if not self.open:
            self.root = value
            self.places[()] = _place(event)
            return ()
        around, parent = self.open[-1]
        if isinstance(parent, list):
            path: Path = (*around, len(parent))
            self.places[path] = _place(event)
            parent.append(value)
        else:
            key = self.keys[-1] or ""
            path = (*around, key)
            self.places[path] = self.key_place  # where a reader looks: at the key
            parent[key] = value
            self.keys[-1] = None
        return path

    def _scalar(self, event: ScalarEvent) -> Any:
        tag = _tag_of(event)
        if tag is None or tag == "!":
            tag = str(self.resolver.resolve(ScalarNode, event.value, event.implicit))
        try:
            return self._constructed(tag, event)
        except (ValueError, OverflowError):
            raise _unreadable(
                "value_unreadable",
                f"“{event.value[:40]}” is not a value of type {tag[len(_TAG) :]}.",
                event,
            ) from None

    def _constructed(self, tag: str, event: ScalarEvent) -> Any:
        node = ScalarNode(tag, event.value)
        match tag.removeprefix(_TAG):
            case "str" | "timestamp":  # JSON has no dates: they stay as written
                return _checked_text(event.value, event)
            case "int" if len(event.value) > 60:
                raise _out_of_range(event)
            case "int":
                return _exact(self.constructor.construct_yaml_int(node), event)
            case "float":
                return _exact(self.constructor.construct_yaml_float(node), event)
            case "bool":
                return self.constructor.construct_yaml_bool(node)
            case "null":
                return None
            case "merge":
                return "<<"
        raise _tag_refused(event)


def _place(event: Event) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _exact(number: int | float, event: ScalarEvent) -> int | float:
    if not math.isfinite(number) or (isinstance(number, int) and abs(number) > MAX_INTEGER):
        raise _out_of_range(event)
    return number


def _out_of_range(event: ScalarEvent) -> SourceUnreadable:
    return _unreadable(
        "number_out_of_range",
        f"The number {event.value[:30]} is too large. Write it as a text in quotes.",
        event,
    )


def _tag_of(event: NodeEvent) -> str | None:
    tag = getattr(event, "tag", None)
    return None if tag is None else str(tag)


def _tag_refused(event: NodeEvent) -> SourceUnreadable:
    return _unreadable("tag_refused", f"The tag “{_tag_of(event)}” is not used here.", event)


def _too_deep(event: Event | None) -> SourceUnreadable:
    return _unreadable("too_deep", f"Nested more than {MAX_DEPTH} levels deep.", event)


def _unreadable(code: str, sentence: str, event: Event | None) -> SourceUnreadable:
    mark = event.start_mark if event is not None else None
    return SourceUnreadable(
        code,
        sentence,
        line=mark.line + 1 if mark else None,
        column=mark.column + 1 if mark else None,
    )
