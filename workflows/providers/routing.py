"""Which deployments may take a call, in which order, and why the others are left out. Pure, with the time given.

The same plan serves the gateway, the line “what would happen now” of a model group's page, and the story that a
run's page tells afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from workflows.providers.contract import Target
from workflows.providers.fitness import ANYWHERE, Placements
from workflows.providers.standing import Breaker, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A deployment that is not asked, and why."""

    name: str
    code: str
    sentence: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "code": self.code, "sentence": self.sentence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The deployments to try, the first first. `is_refused`: none may see it, and the one named is to be denied.

    `on_trial` are those of the targets whose breaker is half-open: who tries one takes its trial before.
    """

    targets: tuple[Target, ...]
    left_out: tuple[LeftOut, ...] = ()
    is_refused: bool = False
    on_trial: frozenset[UUID] = frozenset()

    def without(self, deployment_id: UUID, because: LeftOut) -> Plan:
        """The same without a target whose trial another worker holds."""
        return replace(
            self,
            targets=tuple(each for each in self.targets if each.deployment_id != deployment_id),
            left_out=(*self.left_out, because),
            on_trial=self.on_trial - {deployment_id},
        )


def plan(
    members: Sequence[Target],
    labels: Labels,
    *,
    today: date,
    at: datetime,
    placements: Placements = ANYWHERE,
) -> Plan:
    """The order of a group's members for values with these labels.

    1 Who may not see them is left out. Where that is everybody, the first comes alone, with its fault: it is denied on
      record, and nothing is sent anywhere else.
    2 Who is open is left out: the plan is empty where that is all who may.
    3 The rest keep the group's order, but those that rest after a failure come last, the next to be ready first.
    """
    faults = {
        each.deployment_id: each.find_faults(labels, today=today, placements=placements)
        for each in members
    }
    fit = [each for each in members if not faults[each.deployment_id]]
    if members and not fit:
        first = members[0]
        refused = replace(first, fault=faults[first.deployment_id][0])
        others = tuple(_unfit(each, faults[each.deployment_id][0]) for each in members[1:])
        return Plan(targets=(refused,), left_out=others, is_refused=True)
    breakers = {each.deployment_id: each.standing.breaker(at) for each in fit}
    ready = [each for each in fit if breakers[each.deployment_id] is not Breaker.OPEN]
    return Plan(
        targets=tuple(sorted(ready, key=lambda each: _rest(each.standing, at))),
        left_out=tuple(_left_out(members, faults, at)),
        on_trial=frozenset(
            each.deployment_id
            for each in ready
            if breakers[each.deployment_id] is Breaker.HALF_OPEN
        ),
    )


def on_trial(target: Target) -> LeftOut:
    """What is said of a deployment that somebody else is trying just now."""
    return LeftOut(
        name=target.name,
        code="on_trial",
        sentence=f"“{target.name}” failed {_times(target.standing.failures)}; one call is trying it again just now.",
    )


def open_sentence(name: str, standing: Standing) -> str:
    """Why nobody calls it now."""
    until = f"{standing.open_until:%H:%M:%S} UTC" if standing.open_until else "later"
    if standing.must_wait:
        return f"“{name}” asked to be left alone until {until}."
    return f"“{name}” failed {_times(standing.failures)} in a row; it is left alone until {until}."


def _left_out(members: Sequence[Target], faults: Any, at: datetime) -> Iterator[LeftOut]:
    for each in members:
        if found := faults[each.deployment_id]:
            yield _unfit(each, found[0])
        elif each.standing.breaker(at) is Breaker.OPEN:
            sentence = open_sentence(each.name, each.standing)
            code = "asked_to_wait" if each.standing.must_wait else "breaker_open"
            yield LeftOut(name=each.name, code=code, sentence=sentence)


def _unfit(target: Target, fault: Any) -> LeftOut:
    return LeftOut(name=target.name, code=fault.code, sentence=fault.sentence)


def _rest(standing: Standing, at: datetime) -> float:
    """Seconds until it has rested; zero for those that need none, so that they keep their order."""
    if standing.breaker(at) is not Breaker.RESTING or standing.open_until is None:
        return 0.0
    return (standing.open_until - at).total_seconds()


def _times(failures: int) -> str:
    return "once" if failures == 1 else f"{failures} times"
