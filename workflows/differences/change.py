"""What changed between two definitions, as values: each change is a sentence with its place. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any, Literal

NO_CHANGE = "No change in behaviour"
Mark = Literal["added", "removed", "changed"]


class Category(StrEnum):
    """What a change is about."""

    NODE = "node"
    EDGE = "edge"
    PROMPT = "prompt"
    MODEL = "model"
    TOOL = "tool"
    DESTINATION = "destination"
    DATA_CLASS = "data_class"
    SCHEMA = "schema"
    APPROVAL = "approval"
    COMPUTATION = "computation"
    FAILURE = "failure"  # retries, time-outs, and what happens when a node fails
    SUB_WORKFLOW = "sub_workflow"
    BUDGET = "budget"
    RETENTION = "retention"
    POLICY = "policy"
    SECRET = "secret"  # noqa: S105 - a category, not a secret
    WORDS = "words"  # titles, descriptions, documentation: nothing that runs

    @property
    def words(self) -> str:
        return self.value.replace("_", " ").capitalize()


class Level(IntEnum):
    """How much a change may do."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text: in both (“ ”), come (“+”), or gone (“-”)."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `pointer` (RFC 6901) leads into the newer definition, for what is gone into the older one."""

    category: Category
    sentence: str
    pointer: str = ""
    level: Level = Level.LOW
    mark: Mark = "changed"
    node: str = ""
    parts: tuple[Part, ...] = ()
    is_masked: bool = False

    def masked(self) -> Change:
        """Without the text of a prompt, for people who may not read content. That it changed stays said."""
        if self.category is not Category.PROMPT:
            return self
        return replace(self, parts=(), is_masked=True)

    def to_json(self) -> dict[str, Any]:
        shown = asdict(self)
        return shown | {"category": str(self.category), "level": self.level.word}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All changes, in a stable order: the whole, then the nodes as they run. `renamed` are new ids by their old."""

    changes: tuple[Change, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def behaviour(self) -> tuple[Change, ...]:
        """What may make a run go another way."""
        return tuple(each for each in self.changes if each.category is not Category.WORDS)

    @property
    def words(self) -> tuple[Change, ...]:
        """What only tells people something else."""
        return tuple(each for each in self.changes if each.category is Category.WORDS)

    @property
    def headline(self) -> str:
        return headline(self.behaviour)

    def marks(self) -> dict[str, Mark]:
        """How each node that is new, gone or changed is to be marked."""
        found: dict[str, Mark] = {}
        for each in self.behaviour:
            if each.node and found.get(each.node, "changed") == "changed":
                found[each.node] = each.mark if each.category is Category.NODE else "changed"
        return found


def headline(changes: Iterable[Change]) -> str:
    count = len(tuple(changes))
    if not count:
        return NO_CHANGE
    return f"{count} change{'' if count == 1 else 's'} in behaviour"


def bounded(changes: tuple[Change, ...], most: int) -> tuple[tuple[Change, ...], int]:
    """The first of them, and how many more there are."""
    return changes[:most], max(0, len(changes) - most)
