"""What a value carries with it: data class, integrity, tags, residency and origins.

Pure. Labels only ever grow stricter by joining (ARCHITECTURE.md, Labels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Self


class _Worded(IntEnum):
    """An order of levels that people read as words."""

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Self:
        try:
            return cls[word.upper()]
        except (KeyError, AttributeError):
            known = ", ".join(level.word for level in cls)
            raise ValueError(f"“{word}” is not one of {known}.") from None


class DataClass(_Worded):
    """How harmful a leak would be. The highest of the inputs wins."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3


class Integrity(_Worded):
    """How far a value may steer what happens. The lowest of the inputs wins."""

    UNTRUSTED = 0
    ENDORSED = 1
    TRUSTED = 2


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one value. Without arguments: the neutral element of `join`.

    `residency` names the regions a value may stay in; None means anywhere, an empty set nowhere.
    """

    data_class: DataClass = DataClass.PUBLIC
    integrity: Integrity = Integrity.TRUSTED
    tags: frozenset[str] = frozenset()
    residency: frozenset[str] | None = None
    origins: frozenset[str] = frozenset()

    def with_integrity(self, integrity: Integrity) -> Labels:
        return replace(self, integrity=integrity)

    def with_tags(self, *tags: str) -> Labels:
        return replace(self, tags=self.tags.union(tags))

    def without_tags(self, *tags: str) -> Labels:
        return replace(self, tags=self.tags.difference(tags))

    def with_origins(self, *origins: str) -> Labels:
        return replace(self, origins=self.origins.union(origins))

    def is_within(self, bound: Labels) -> bool:
        """True when nothing here is stricter than `bound` (origins aside)."""
        return (
            self.data_class <= bound.data_class
            and self.integrity >= bound.integrity
            and self.tags <= bound.tags
            and _residency_is_within(self.residency, bound.residency)
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "data_class": self.data_class.word,
            "integrity": self.integrity.word,
            "tags": sorted(self.tags),
            "residency": None if self.residency is None else sorted(self.residency),
            "origins": sorted(self.origins),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Fails closed: a missing or unknown member raises ValueError."""
        expected = {"data_class", "integrity", "tags", "residency", "origins"}
        if set(value) != expected:
            odd = ", ".join(sorted(expected.symmetric_difference(value)))
            raise ValueError(f"These labels miss or do not know: {odd}.")
        residency = value["residency"]
        return cls(
            data_class=DataClass.from_word(value["data_class"]),
            integrity=Integrity.from_word(value["integrity"]),
            tags=_words(value["tags"]),
            residency=None if residency is None else _words(residency),
            origins=_words(value["origins"]),
        )


def join(*labels: Labels) -> Labels:
    """Labels of a value made from values with these labels."""
    if not labels:
        return Labels()
    first = labels[0]
    if labels.count(first) == len(labels):  # as where many nodes read the same one
        return first
    return Labels(
        data_class=max(each.data_class for each in labels),
        integrity=min(each.integrity for each in labels),
        tags=frozenset().union(*(each.tags for each in labels)),
        residency=_intersection(each.residency for each in labels),
        origins=frozenset().union(*(each.origins for each in labels)),
    )


def _intersection(residencies: Any) -> frozenset[str] | None:
    named = [regions for regions in residencies if regions is not None]
    return frozenset.intersection(*named) if named else None


def _residency_is_within(regions: frozenset[str] | None, bound: frozenset[str] | None) -> bool:
    # Fewer regions are stricter: the bound must allow no region that the value does not.
    if regions is None:
        return True
    return bound is not None and bound <= regions


def _words(values: Any) -> frozenset[str]:
    if not isinstance(values, list | tuple | set | frozenset) or not all(
        isinstance(value, str) for value in values
    ):
        raise ValueError("Tags, residency and origins are lists of words.")
    return frozenset(values)
