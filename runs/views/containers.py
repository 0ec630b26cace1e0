"""The containers of a run, each with a count of what is in it: by the database, however many bodies there are."""

from dataclasses import dataclass
from typing import Any

from django.db.models import (
    CharField,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    Max,
    OuterRef,
    Q,
    Sum,
    Value,
)
from django.db.models.functions import Cast

from runs.models import NodeExecution, NodeStatus, Run

CONTAINER_KINDS = ("for_each", "refine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container that has run: what is in it altogether."""

    path: str
    bodies: int
    executions: int
    failed: int  # bodies in which a node failed for good
    waiting: int
    running: int
    cost_micros: int


def containers_of(run: Run, *, within: str = "") -> list[Container]:
    """The outermost containers of a run, or those whose paths match; in one statement either way."""
    if within:
        rows = run.node_executions.filter(node_id__regex=rf"^({within})\[[0-9]+\]\.[^\[]+$")
        name = Func(
            F("node_id"), Value(r"\[[0-9]+\]\.[^\[]+$"), Value(""), function="regexp_replace"
        )
        place = Func(F("node_id"), Value(r"\[([0-9]+)\]\.[^\[]+$"), function="substring")
    else:  # of all rows, so without regular expressions
        rows = run.node_executions.filter(node_id__contains="[")
        name = _part(F("node_id"), "[", 1)
        place = _part(_part(F("node_id"), "[", 2), "]", 1)
    later: Any = NodeExecution.objects.filter(
        run=OuterRef("run"), node_id=OuterRef("node_id"), attempt__gt=OuterRef("attempt")
    )
    found: Any = (
        rows.order_by()
        .annotate(
            container=name,
            place=Cast(place, IntegerField()),
        )
        .values("container")
        .annotate(
            bodies=Max("place") + 1,
            executions=Count("id"),
            failed=Count(
                "place", distinct=True, filter=Q(~Exists(later), status=NodeStatus.FAILED)
            ),
            waiting=Count("id", filter=Q(status=NodeStatus.WAITING)),
            running=Count("id", filter=Q(status=NodeStatus.RUNNING) & ~Q(kind__in=CONTAINER_KINDS)),
            cost_micros=Sum("cost_micros"),
        )
        .order_by("container")
    )
    return [Container(path=each.pop("container"), **each) for each in found]


def _part(text: Any, separator: str, number: int) -> Func:
    return Func(
        text, Value(separator), Value(number), function="split_part", output_field=CharField()
    )
