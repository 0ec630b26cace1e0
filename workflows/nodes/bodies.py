"""What containers have in common: the form of a body, and filling in what its nodes made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflows.nodes.contract import BodyEnd, Inputs, Json
from workflows.nodes.filling import fill_or_null

BODY: dict[str, Any] = {
    "type": "object",
    "description": "Nodes of its own. The first ones have no `after`; no edge leads in or out.",
    "properties": {"nodes": {"type": "array", "minItems": 1}},
    "required": ["nodes"],
    "additionalProperties": False,
}


class Ends:
    """How the bodies of a container ended, in the order of their start; None: under way.

    It counts as it grows: where there are thousands, nobody looks through all of them whenever one has ended.
    """

    def __init__(self, ends: Iterable[BodyEnd | None] = ()) -> None:
        self.under_way = 0
        self.failed: list[int] = []  # places, in the order in which they failed
        self._ends: list[BodyEnd | None] = []
        for place, end in enumerate(ends):
            self.begin()
            if end is not None:
                self.end(place, end)

    def begin(self) -> None:
        """One more body is under way."""
        self._ends.append(None)
        self.under_way += 1

    def end(self, place: int, end: BodyEnd) -> None:
        """The body that was started as number `place`, counted from 0, has come to this end."""
        self._ends[place] = end
        self.under_way -= 1
        if end.code:
            self.failed.append(place)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int) -> BodyEnd | None:
        return self._ends[place]

    def __iter__(self) -> Iterator[BodyEnd | None]:
        return iter(self._ends)


def seen_by(inputs: Inputs, end: BodyEnd) -> Mapping[str, Json]:
    """All that can be named once a body ended; what is nearer hides what is farther."""
    return {**inputs, **end.given, **end.outputs}


def fill_after(value: Json, inputs: Inputs, end: BodyEnd) -> Json:
    """The value with its references filled in; a node that the body skipped becomes null. Raises NodeFailed."""
    return fill_or_null(value, seen_by(inputs, end))
