"""What would happen now: for each data class, who of a group would answer and why the others would not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from compliance.labels import DataClass, Labels
from workflows.providers import routing
from workflows.providers.contract import Target
from workflows.providers.fitness import Placements
from workflows.providers.routing import LeftOut, Plan

ASKED: Final = (
    *((level, "") for level in DataClass),
    (DataClass.CONFIDENTIAL, "PII"),
    (DataClass.CONFIDENTIAL, "PHI"),
)
KINDS_OF_DATA: Final = {"PII": "personal data", "PHI": "health data"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`tag` is PII, PHI or empty; `order` names who would be tried, `left_out` who would not and why."""

    data_class: str
    tag: str
    order: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    verdict: str  # answers, denied or unavailable
    sentence: str

    @property
    def words(self) -> str:
        """“Confidential, health data”."""
        more = f", {KINDS_OF_DATA[self.tag]}" if self.tag else ""
        return f"{self.data_class.capitalize()}{more}"


def of_group(members: Sequence[Target], *, at: datetime, placements: Placements) -> list[Forecast]:
    """A line for each data class, and for personal and health data of the class confidential."""
    return [_of(members, level, tag, at, placements) for level, tag in ASKED]


def _of(
    members: Sequence[Target], level: DataClass, tag: str, at: datetime, placements: Placements
) -> Forecast:
    labels = Labels(data_class=level, tags=frozenset({tag} if tag else ()))
    plan = routing.plan(members, labels, today=at.date(), at=at, placements=placements)
    verdict, order, left_out = _verdict(plan)
    return Forecast(
        data_class=level.word,
        tag=tag,
        order=order,
        left_out=left_out,
        verdict=verdict,
        sentence=_sentence(verdict, order),
    )


def _verdict(plan: Plan) -> tuple[str, tuple[str, ...], tuple[LeftOut, ...]]:
    if plan.is_refused:
        first = plan.targets[0]
        assert first.fault is not None  # noqa: S101 - a refused plan names the fault of its first
        why = LeftOut(name=first.name, code=first.fault.code, sentence=first.fault.sentence)
        return "denied", (), (why, *plan.left_out)
    order = tuple(each.name for each in plan.targets)
    return ("answers" if order else "unavailable"), order, plan.left_out


def _sentence(verdict: str, order: tuple[str, ...]) -> str:
    if verdict == "denied":
        return "Denied: no member may see it."
    if verdict == "unavailable":
        return "Refused for now: every member that may see it is left alone or disabled."
    others = f", then {', '.join(f'“{name}”' for name in order[1:])}" if order[1:] else ""
    return f"“{order[0]}” answers{others}."
