"""What model calls cost: by day, workflow, node, run, provider, deployment, model group or secret, over some days.

Every number is a sum over settled calls, so that all ways of asking come to the same total. Days that are over are
added up once (`roll`), the last two are read from the calls themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, Count, F, Func, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, TruncDate
from django.utils.timezone import now

from runs.errors import CostsInvalid
from runs.models import CallStatus, ModelCall
from tenancy.models import first_id
from workflows.models import CostDay, CostMark, Deployment, TrialCall, TrialStatus, Workflow

GROUPS: Final = {
    "day": "Day",
    "workflow": "Workflow",
    "node": "Node",
    "run": "Run",
    "provider": "Provider",
    "deployment": "Deployment",
    "model_group": "Model group",
    "secret": "Secret",
}
LONGEST_DAYS: Final = 366
LONGEST_DAYS_OF_RUNS: Final = 31  # runs are not added up by the day
MOST_LINES: Final = 200
DAYS_AT_ONCE: Final = 31
OPEN_DAYS: Final = 2  # today and yesterday: their calls may still be settled
WAITED_FOR_DAYS: Final = 30  # for a call that nobody settles
MEASURES: Final = ("calls", "failed", "tokens_in", "tokens_out", "cost_micros")


@dataclass(slots=True, kw_only=True)
class Line:
    """One group's sum in one currency. `key` tells the groups apart, `name` is for people."""

    key: str
    name: str
    currency: str
    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        for measure in MEASURES:
            setattr(self, measure, getattr(self, measure) + int(row[measure] or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Some days, the first and the last among them, how their calls are put together, and how many lines are wanted."""

    since: date
    until: date
    by: str = "workflow"
    workflow: Workflow | None = None
    most: int = MOST_LINES

    def check(self) -> None:
        """Raises CostsInvalid."""
        if self.by not in GROUPS:
            raise CostsInvalid(f"Costs are put together by {', '.join(GROUPS)}.")
        if self.until < self.since:
            raise CostsInvalid("The last day is before the first.")
        most = LONGEST_DAYS_OF_RUNS if self.by == "run" else LONGEST_DAYS
        if (self.until - self.since).days >= most:
            raise CostsInvalid(
                f"Costs by {GROUPS[self.by].lower()} are told for up to {most} days."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The dearest groups first; `others` is what the rest comes to, so that lines and others make the totals.

    `outside` are tests and probes: no calls of runs, so no part of the totals.
    """

    asked: Asked
    lines: Sequence[Line]
    others: Sequence[Line]
    totals: Sequence[Line]
    outside: Sequence[Line] = ()


def usual(at: datetime | None = None) -> tuple[date, date]:
    """From the first of the month until today, UTC."""
    today = (at or now()).astimezone(UTC).date()
    return today.replace(day=1), today


def report(asked: Asked) -> Report:
    """Costs as asked, in at most five statements, however long the period is. Raises CostsInvalid."""
    asked.check()
    if asked.by == "run":
        told = _report_of_runs(asked)
    else:
        lines = _named(asked.by, _lines(*_groups(asked)))
        told = _to_report(asked, lines, lines)
    return told if asked.workflow else replace(told, outside=_outside(asked))


# -- added up by the day ----------------------------------------------------------------------------------------------


def roll(at: datetime | None = None) -> int:
    """Add up days that are over, the oldest first; gives how many. Twice is once: a day is written anew as a whole.

    A day waits for calls of its that are still under way, but not for ever.
    """
    today = (at or now()).astimezone(UTC).date()
    done = 0
    while done < DAYS_AT_ONCE and _roll_next(today):
        done += 1
    return done


@transaction.atomic
def roll_day(day: date) -> None:
    """Add up one day's settled calls."""
    CostDay.objects.filter(day=day).delete()
    rows = _summed(
        _calls(day, day),
        workflow_id=F("run__workflow_id"),
        node=_without_places(),
        in_deployment=F("deployment_id"),
        of_group=F("model_group"),
        with_secret=F("secret_name"),
    )
    CostDay.objects.bulk_create([_to_row(day, row) for row in rows])


def _to_row(day: date, sums: Mapping[str, Any]) -> CostDay:
    return CostDay(
        day=day,
        workflow_id=sums["workflow_id"],
        node=sums["node"],
        deployment_id=sums["in_deployment"],
        model_group=sums["of_group"],
        secret_name=sums["with_secret"],
        currency=sums["currency"],
        **{measure: sums[measure] for measure in MEASURES},
    )


@transaction.atomic
def _roll_next(today: date) -> bool:
    mark = CostMark.objects.select_for_update().first()
    if mark is None:
        first = ModelCall.objects.order_by("id").values_list("id", flat=True).first()
        if first is None:
            return False
        CostMark.objects.get_or_create(defaults={"until": _day_of(first)})
        mark = CostMark.objects.select_for_update().get()
    day = mark.until
    if day > today - timedelta(days=OPEN_DAYS):
        return False
    if day > today - timedelta(days=WAITED_FOR_DAYS) and _is_under_way(day):
        return False
    roll_day(day)
    mark.until = day + timedelta(days=1)
    mark.save(update_fields=["until"])
    return True


def _is_under_way(day: date) -> bool:
    return ModelCall.objects.filter(_made(day, day), status=CallStatus.INTENDED).exists()


def _day_of(call_id: UUID) -> date:
    """Ids are UUID version 7: their first 48 bits are milliseconds since 1970 (RFC 9562, 5.7)."""
    return datetime.fromtimestamp((call_id.int >> 80) / 1000, UTC).date()


# -- sums -------------------------------------------------------------------------------------------------------------


def _groups(asked: Asked) -> Iterable[Iterable[Mapping[str, Any]]]:
    """Sums by key and currency: of the days that are added up, and of the calls of those that are not."""
    mark = CostMark.objects.first()
    live_from = max(asked.since, mark.until) if mark else asked.since
    if asked.since < live_from:
        last = min(live_from, asked.until + timedelta(days=1))
        days = CostDay.objects.filter(day__gte=asked.since, day__lt=last).order_by()
        if asked.workflow is not None:
            days = days.filter(workflow=asked.workflow)
        yield (
            days.annotate(key=F(OF_DAYS[asked.by]))
            .values("key", "currency")
            .annotate(**{measure: Sum(measure) for measure in MEASURES})
        )
    if live_from <= asked.until:
        calls = _calls(live_from, asked.until, asked.workflow)
        yield _summed(calls, key=OF_CALLS[asked.by])


def _calls(since: date, until: date, workflow: Workflow | None = None) -> "QuerySet[ModelCall]":
    """The settled calls of these days."""
    calls = ModelCall.objects.filter(_made(since, until)).exclude(status=CallStatus.INTENDED)
    return calls if workflow is None else calls.filter(run__workflow=workflow)


def _made(since: date, until: date) -> Q:
    """By id, which is ordered by time and begins every unique key."""
    first, after = (
        datetime.combine(day, time(), UTC) for day in (since, until + timedelta(days=1))
    )
    return Q(id__gte=first_id(first), id__lt=first_id(after))


def _summed(calls: "QuerySet[ModelCall]", **keys: Any) -> Any:
    return (
        calls.order_by()
        .annotate(**keys)
        .values(*keys, "currency")
        .annotate(
            calls=Count("id"),
            failed=Count("id", filter=~Q(status=CallStatus.COMPLETED)),
            tokens_in=Sum("tokens_in"),
            tokens_out=Sum("tokens_out"),
            cost_micros=Sum("cost_micros"),
        )
    )


def _without_places() -> Func:
    """each[3].draft as each.draft: one node, however many bodies it ran in (see runs/paths.py)."""
    parts = (F("node_id"), Value(r"\[[0-9]+\]"), Value(""), Value("g"))
    return Func(*parts, function="regexp_replace", output_field=CharField())


OF_DAYS: Final = {
    "day": "day",
    "workflow": "workflow_id",
    "node": "node",
    "provider": "deployment_id",
    "deployment": "deployment_id",
    "model_group": "model_group",
    "secret": "secret_name",
}
OF_CALLS: Final = {
    "day": TruncDate("started_at", tzinfo=UTC),
    "workflow": F("run__workflow_id"),
    "node": _without_places(),
    "run": Coalesce(F("run__root_run_id"), F("run_id")),  # child runs count with their root
    "provider": F("deployment_id"),
    "deployment": F("deployment_id"),
    "model_group": F("model_group"),
    "secret": F("secret_name"),
}


def _outside(asked: Asked) -> Sequence[Line]:
    """Tests and probes of these days, whatever became of them: they belong to no run."""
    made = TrialCall.objects.filter(_made(asked.since, asked.until), finished_at__isnull=False)
    sums = (
        made.exclude(status=TrialStatus.NOT_MADE)
        .order_by()
        .values("currency")
        .annotate(
            key=Value("outside", output_field=CharField()),
            calls=Count("id"),
            failed=Count("id", filter=~Q(status=TrialStatus.PASSED)),
            tokens_in=Sum("tokens_in"),
            tokens_out=Sum("tokens_out"),
            cost_micros=Sum("cost_micros"),
        )
    )
    return [
        replace(line, name="outside runs")
        for line in sorted(_lines(sums), key=lambda line: line.currency)
    ]


def _report_of_runs(asked: Asked) -> Report:
    """The dearest runs, found by the database: there may be a million of them."""
    calls = _calls(asked.since, asked.until, asked.workflow)
    dearest = _summed(calls, key=OF_CALLS["run"]).order_by("-cost_micros", "key")[: asked.most]
    every = _summed(calls, key=Value("", output_field=CharField()))
    return _to_report(asked, _lines(dearest), _lines(every))


def _lines(*parts: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Rows with the same key and currency as one line."""
    found: dict[tuple[str, str], Line] = {}
    for row in (row for rows in parts for row in rows):
        key = "" if row["key"] is None else str(row["key"])
        line = found.setdefault(
            (key, row["currency"]), Line(key=key, name=key, currency=row["currency"])
        )
        line.add(row)
    return list(found.values())


def _to_report(asked: Asked, lines: list[Line], every: Iterable[Line]) -> Report:
    """`every` is whatever comes to the totals."""
    if asked.by == "day":
        shown = sorted(lines, key=lambda line: (line.key, line.currency), reverse=True)
    else:
        shown = sorted(lines, key=lambda line: (-line.cost_micros, line.name, line.key))
        shown = shown[: asked.most]
    totals: dict[str, Line] = {}
    for line in every:
        total = totals.setdefault(line.currency, Line(key="", name="", currency=line.currency))
        total.add(asdict(line))
    return Report(
        asked=asked,
        lines=shown,
        others=[other for total in totals.values() if (other := _less(total, shown)).calls],
        totals=[totals[currency] for currency in sorted(totals)],
    )


def _less(total: Line, shown: Iterable[Line]) -> Line:
    rest = replace(total, key="others", name="all others")
    for line in shown:
        if line.currency == total.currency:
            rest.add({measure: -getattr(line, measure) for measure in MEASURES})
    return rest


def _named(by: str, lines: list[Line]) -> list[Line]:
    """Give ids their names; deployments of one provider become one line, where that was asked."""
    ids = {line.key for line in lines}
    if by == "workflow":
        names = {str(each.pk): each.slug for each in Workflow.objects.filter(pk__in=ids)}
        return [replace(line, key=names[line.key], name=names[line.key]) for line in lines]
    if by in ("provider", "deployment"):
        found = Deployment.objects.filter(pk__in=ids).select_related("provider")
        names = {
            str(each.pk): each.provider.name if by == "provider" else each.name for each in found
        }
        return _lines([asdict(line) | {"key": names[line.key]} for line in lines])
    if by == "secret":
        return [replace(line, name=line.name or "no stored secret") for line in lines]
    return lines
