"""How well each deployment answered in the last 24 hours, from the calls themselves; and what probes found when idle.

Calls are rows of the floor above: it registers who reads them (`register_reader`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now

from workflows import budgets
from workflows.models import Deployment, DeploymentStanding
from workflows.providers import sparklines
from workflows.providers.errors import FailureKind
from workflows.providers.routing import open_sentence
from workflows.providers.sparklines import Sparkline
from workflows.providers.standing import CLOSED, OPENS_AFTER, Breaker, Standing

HOURS: Final = 24
ILL: Final = ("failing", "trial")
MOST_ILL: Final = 20
FAILING_SHARE = 0.5  # of an hour's calls: the hour is red, below it amber


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The calls of one hour, which begins at `begins`."""

    begins: datetime
    calls: int = 0
    errors: int = 0
    p95_ms: int | None = None

    @property
    def state(self) -> str:
        """For the strip: none, good, some or bad."""
        if not self.calls:
            return "none"
        if not self.errors:
            return "good"
        return "bad" if self.errors >= self.calls * FAILING_SHARE else "some"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What was read of a deployment's calls since a moment. Money in micro-units by currency."""

    by_hour: Mapping[datetime, tuple[int, int, int | None]] = field(
        default_factory=dict
    )  # calls, errors, p95
    p95_ms: int | None = None
    spend: Mapping[str, int] = field(default_factory=dict)
    last_answer_at: datetime | None = None
    last_error_kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What was read of a model group's calls since a moment."""

    calls: int = 0
    failovers: int = 0


class Reader:
    """What the floor of runs knows of calls."""

    of_deployments: Callable[[Collection[UUID], datetime], Mapping[UUID, Calls]]
    of_groups: Callable[[Collection[str], datetime], Mapping[str, Group]]
    refused: Callable[[Collection[str], datetime], Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One deployment now. `state`: disabled, failing, resting, trial, healthy, idle; `sentence` says why."""

    state: str
    sentence: str
    hours: tuple[Hour, ...]
    calls: int
    errors: int
    refused: int  # by a policy: these calls did not leave
    p95_ms: int | None
    spend: Mapping[str, int]
    last_answer_at: datetime | None
    breaker: str
    open_until: datetime | None
    model_answered: str
    probed_at: datetime | None
    probe_error: str
    probe_seconds: float | None
    rejects_key: bool = False  # it is ill because of that

    @property
    def error_share(self) -> float | None:
        """Errors of all calls, 0 to 1; None without a call."""
        return self.errors / self.calls if self.calls else None

    @property
    def in_words(self) -> str:
        """The strip for those who do not see it."""
        return strip_in_words(self.hours)

    @property
    def spark(self) -> Sparkline:
        """How long answers took, hour by hour."""
        return spark_of(self.hours)


_reader: list[Reader] = []


def register_reader(
    *,
    of_deployments: Callable[[Collection[UUID], datetime], Mapping[UUID, Calls]],
    of_groups: Callable[[Collection[str], datetime], Mapping[str, Group]],
    refused: Callable[[Collection[str], datetime], Mapping[str, int]],
) -> None:
    """Say who reads the calls, and what a policy refused by name of deployment. The last one counts."""
    reader = Reader()
    reader.refused = refused
    reader.of_deployments, reader.of_groups = of_deployments, of_groups
    _reader[:] = [reader]


def of(deployments: Iterable[Deployment]) -> Mapping[UUID, Health]:
    """The health of these deployments, with their providers selected: three queries, however many there are."""
    named = list(deployments)
    at = now()
    ids = [each.pk for each in named]
    calls = _reader[0].of_deployments(ids, _first_hour(at)) if _reader and ids else {}
    rows = {row.deployment_id: row for row in DeploymentStanding.objects.filter(deployment__in=ids)}
    names = [each.name for each in named]
    refused = _reader[0].refused(names, _first_hour(at)) if _reader and ids else {}
    return {
        each.pk: replace(
            _health(each, calls.get(each.pk, Calls()), rows.get(each.pk), at),
            refused=refused.get(each.name, 0),
        )
        for each in named
    }


def ill_now() -> list[tuple[Deployment, Health]]:
    """The deployments that fail or are on trial, at most 20, in two small queries however many are well."""
    rows = DeploymentStanding.objects.select_related("deployment__provider")
    suspects = rows.filter(
        Q(open_until__gt=now()) | Q(failures__gte=OPENS_AFTER) | ~Q(probe_error="")
    )
    named = [row.deployment for row in suspects.order_by("pk")[:MOST_ILL]]
    found = of(named)
    return [(each, found[each.pk]) for each in named if found[each.pk].state in ILL]


def heard_since(ids: Collection[UUID], since: datetime) -> Collection[UUID]:
    """Those of these deployments that were called since then, however the calls ended. One query."""
    return _reader[0].of_deployments(ids, since).keys() if _reader and ids else ()


def of_groups(names: Collection[str]) -> Mapping[str, Group]:
    """Calls and failovers of these model groups in 24 hours. One query."""
    found = _reader[0].of_groups(names, now() - timedelta(hours=HOURS)) if _reader and names else {}
    return {name: found.get(name, Group()) for name in names}


def empty_hours() -> Sequence[Hour]:
    """The strip of what is not called at all."""
    first = _first_hour(now())
    return tuple(Hour(begins=first + timedelta(hours=each)) for each in range(HOURS))


def strip_in_words(hours: Sequence[Hour]) -> str:
    """24 hours for those who do not see the strip."""
    calls, errors = sum(hour.calls for hour in hours), sum(hour.errors for hour in hours)
    bad = sum(1 for hour in hours if hour.errors)
    if not calls:
        return "No calls in 24 hours"
    return f"{calls:,} calls in 24 hours, {errors:,} failed, in {bad} of the hours"


def spark_of(hours: Sequence[Hour]) -> Sparkline:
    """24 hours of answers as a line."""
    return sparklines.of_latency([hour.p95_ms for hour in hours])


def standing_of(row: DeploymentStanding | None) -> Standing:
    if row is None:
        return CLOSED
    return Standing(
        failures=row.failures,
        failure_kind=row.failure_kind,
        must_wait=row.must_wait,
        open_until=row.open_until,
        model_asked=row.model_asked,
        model_answered=row.model_answered,
    )


def _first_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)


def _health(
    deployment: Deployment, calls: Calls, row: DeploymentStanding | None, at: datetime
) -> Health:
    first, standing = _first_hour(at), standing_of(row)
    begins = [first + timedelta(hours=each) for each in range(HOURS)]
    hours = tuple(
        Hour(begins=hour, calls=counts[0], errors=counts[1], p95_ms=counts[2])
        for hour in begins
        for counts in (calls.by_hour.get(hour, (0, 0, None)),)
    )
    state, sentence = _state(deployment, calls, row, standing, at)
    return Health(
        state=state,
        sentence=sentence,
        hours=hours,
        calls=sum(hour.calls for hour in hours),
        errors=sum(hour.errors for hour in hours),
        refused=0,
        p95_ms=calls.p95_ms,
        spend=calls.spend,
        last_answer_at=calls.last_answer_at,
        breaker=str(standing.breaker(at)),
        open_until=standing.open_until,
        model_answered=standing.model_answered,
        probed_at=row.probed_at if row else None,
        probe_error=row.probe_error if row else "",
        probe_seconds=row.probe_seconds if row else None,
        rejects_key=state == "failing" and FailureKind.AUTH in _last_failures(calls, row),
    )


def _last_failures(calls: Calls, row: DeploymentStanding | None) -> Collection[str]:
    """How calls and probes failed last."""
    return {calls.last_error_kind} | ({row.probe_error, row.failure_kind} if row else set())


def _state(
    deployment: Deployment,
    calls: Calls,
    row: DeploymentStanding | None,
    standing: Standing,
    at: datetime,
) -> tuple[str, str]:
    name = deployment.name
    if not deployment.enabled or not deployment.provider.enabled:
        return "disabled", f"“{name}” is disabled."
    match standing.breaker(at):
        case Breaker.OPEN:
            return "failing", open_sentence(name, standing)
        case Breaker.HALF_OPEN:
            return "trial", f"“{name}” failed before; the next call tries it again."
        case Breaker.RESTING:
            return "resting", f"“{name}” failed just now and comes last for a moment."
        case Breaker.CLOSED:
            return _state_when_closed(name, calls, row)


def _state_when_closed(name: str, calls: Calls, row: DeploymentStanding | None) -> tuple[str, str]:
    """By the last that was heard of it: an answer, or a probe that came later."""
    answered, probed = calls.last_answer_at, row.probed_at if row else None
    if row and probed and (answered is None or answered < probed):
        if row.probe_error == budgets.CODE:
            return "idle", f"“{name}” was not probed: a budget that counts it has no room for that."
        if row.probe_error:
            return "failing", f"“{name}” failed the last probe: {row.probe_error}."
        return "healthy", f"“{name}” answered the last probe."
    if calls.last_error_kind == FailureKind.AUTH:
        return "failing", f"“{name}” rejects its key."
    if answered is None:
        return "idle", f"“{name}” has not answered anybody in 24 hours."
    return "healthy", f"“{name}” answers."
