"""What changed around a definition: pinned versions, places that it reaches, papers, the policy, secrets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from compliance.labels import DataClass
from workflows.differences.change import Category, Change, Level, Mark
from workflows.differences.texts import listed

ANYWHERE = "*"
PAPERS: Mapping[str, str] = {
    "baa": "business associate agreement",
    "dpa": "data processing agreement",
    "zero_retention": "the promise to keep nothing",
    "no_training": "the promise not to train on what it is sent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere that data may go: a deployment, a destination or a store. `model` is that of a deployment."""

    kind: Literal["deployment", "destination", "store"]
    name: str
    region: str = ""
    is_external: bool = True
    clearance: DataClass = DataClass.PUBLIC
    papers: frozenset[str] = frozenset()
    model: str = ""
    enabled: bool = True

    @property
    def words(self) -> str:
        where = "external" if self.is_external else "internal"
        if self.kind == "store":
            where = "store"
        region = f", {self.region}" if self.region else ", region unknown"
        return f"{where}{region}, up to {self.clearance.word} data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All that a definition leads to at one moment. `pinned` are digests by name; `places` by kind and name."""

    pinned: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    policy: tuple[int, str] | None = None
    secrets: frozenset[str] = frozenset()


def compare(before: Surroundings, after: Surroundings) -> tuple[Change, ...]:
    """In a stable order: what it starts, where data may go, under which policy, with which secrets."""
    return (
        *_pinned(before, after),
        *_groups(before, after),
        *_places(before, after),
        *_policy(before, after),
        *_secrets(before, after),
    )


def _change(category: Category, level: Level, sentence: str, mark: Mark = "changed") -> Change:
    return Change(category=category, level=level, sentence=sentence, mark=mark)


def _pinned(before: Surroundings, after: Surroundings) -> Iterator[Change]:
    for name in sorted(after.pinned.keys() - before.pinned.keys()):
        told = f"It leads to version “{name}” now (sha256 {after.pinned[name][:12]}…)."
        yield _change(Category.SUB_WORKFLOW, Level.MEDIUM, told, "added")
    for name in sorted(before.pinned.keys() - after.pinned.keys()):
        told = f"It no longer leads to version “{name}”."
        yield _change(Category.SUB_WORKFLOW, Level.LOW, told, "removed")
    for name in sorted(before.pinned.keys() & after.pinned.keys()):
        if before.pinned[name] != after.pinned[name]:
            told = f"Version “{name}” cannot be found any more."
            yield _change(Category.SUB_WORKFLOW, Level.HIGH, told)


def _groups(before: Surroundings, after: Surroundings) -> Iterator[Change]:
    for name in sorted(before.groups.keys() & after.groups.keys()):
        was, now = before.groups[name], after.groups[name]
        if was != now:
            told = (
                f"The model group “{name}” asks {listed(now)} in this order now, was {listed(was)}."
            )
            yield _change(Category.MODEL, Level.MEDIUM, told)


def _places(before: Surroundings, after: Surroundings) -> Iterator[Change]:
    for key in sorted(after.places.keys() - before.places.keys()):
        place = after.places[key]
        level = Level.HIGH if place.is_external else Level.MEDIUM
        told = f"Data may go to the {_named(place)} now: {place.words}."
        yield _change(_category(place), level, told, "added")
    for key in sorted(before.places.keys() - after.places.keys()):
        place = before.places[key]
        told = f"Data no longer goes to the {_named(place)}."
        yield _change(_category(place), Level.LOW, told, "removed")
    for key in sorted(before.places.keys() & after.places.keys()):
        yield from _facts(before.places[key], after.places[key])


def _facts(was: Place, now: Place) -> Iterator[Change]:
    name, category = _named(now), _category(now)
    for paper in PAPERS:
        if paper in was.papers and paper not in now.papers:
            yield _change(category, Level.HIGH, f"The {name} is without {PAPERS[paper]} now.")
        if paper in now.papers and paper not in was.papers:
            yield _change(category, Level.LOW, f"The {name} has {PAPERS[paper]} now.")
    if was.is_external != now.is_external:
        where = "outside" if now.is_external else "inside"
        level = Level.HIGH if now.is_external else Level.LOW
        yield _change(category, level, f"The {name} is {where} the walls now.")
    if was.clearance != now.clearance:
        level = Level.HIGH if now.clearance > was.clearance else Level.LOW
        told = f"The {name} may see up to {now.clearance.word} data now, was {was.clearance.word}."
        yield _change(Category.DATA_CLASS, level, told)
    for words, old, new in (("region", was.region, now.region), ("model", was.model, now.model)):
        if old != new:
            told = (
                f"The {words} of the {name} is “{new or 'unknown'}” now, was “{old or 'unknown'}”."
            )
            yield _change(category, Level.MEDIUM, told)
    if was.enabled != now.enabled:
        state = "enabled" if now.enabled else "disabled"
        yield _change(category, Level.LOW, f"The {name} is {state} now.")


def _policy(before: Surroundings, after: Surroundings) -> Iterator[Change]:
    was, now = before.policy, after.policy
    if was == now:
        return
    told = f"Policy {now[0]} is in force" if now else "No policy is in force"
    ago = f"policy {was[0]}" if was else "none"
    yield _change(Category.POLICY, Level.MEDIUM, f"{told}, was {ago}.")


def _secrets(before: Surroundings, after: Surroundings) -> Iterator[Change]:
    for name in sorted(after.secrets - before.secrets):
        told = f"The secret “{name}” is used now."
        yield _change(Category.SECRET, Level.MEDIUM, told, "added")
    for name in sorted(before.secrets - after.secrets):
        told = f"The secret “{name}” is no longer used."
        yield _change(Category.SECRET, Level.LOW, told, "removed")


def _named(place: Place) -> str:
    if place.name == ANYWHERE:
        return "destination that only the run decides"
    return f"{place.kind} “{place.name}”"


def _category(place: Place) -> Category:
    return Category.MODEL if place.kind == "deployment" else Category.DESTINATION
