"""Providers at a glance: how each one is, from how its deployments are."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tenancy import secret_facts
from tenancy.secret_facts import CredentialAge
from workflows.models import Deployment, Provider
from workflows.providers import health
from workflows.providers.health import Health, Hour
from workflows.providers.sparklines import Sparkline

WORST_FIRST = ("failing", "trial", "resting", "healthy", "idle", "disabled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One provider with its deployments. `state` is that of the worst deployment; `p95_ms` that of the slowest."""

    provider: Provider
    deployments: Sequence[tuple[Deployment, Health]]
    state: str
    sentence: str
    hours: Sequence[Hour]
    p95_ms: int | None
    spend: Mapping[str, int]  # micro-units by currency
    credentials: Sequence[CredentialAge] = ()

    @property
    def calls(self) -> int:
        return sum(hour.calls for hour in self.hours)

    @property
    def errors(self) -> int:
        return sum(hour.errors for hour in self.hours)

    @property
    def refused(self) -> int:
        """Calls that a policy kept from leaving."""
        return sum(each.refused for _, each in self.deployments)

    @property
    def rejects_key(self) -> bool:
        """Whether a new key would help."""
        return any(each.rejects_key for _, each in self.deployments)

    @property
    def oldest_credential(self) -> CredentialAge | None:
        """The one that it is most urgent to replace, or else the oldest."""
        return max(self.credentials, key=lambda age: (age.urgency, age.days), default=None)

    @property
    def spark(self) -> Sparkline:
        """How long the answers of its slowest deployment took, hour by hour."""
        return health.spark_of(self.hours)

    @property
    def error_percent(self) -> float | None:
        return 100 * self.errors / self.calls if self.calls else None

    @property
    def in_words(self) -> str:
        """The strip for those who do not see it."""
        return health.strip_in_words(self.hours)

    @property
    def clearance(self) -> int | None:
        """The highest class that any of its deployments may see."""
        return max((each.clearance for each, _ in self.deployments), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All providers together, in the last 24 hours."""

    providers: int
    enabled: int
    calls: int
    errors: int
    refused: int
    p95_ms: int | None
    spend: Mapping[str, int]
    probed_at: datetime | None


def of(providers: Iterable[Provider]) -> list[Row]:
    """Each provider with its deployments and the age of its credentials, in five queries."""
    named = list(providers)
    by_id = {provider.pk: provider for provider in named}
    deployments = list(Deployment.objects.filter(provider__in=named))
    for each in deployments:
        each.provider = by_id[each.provider_id]
    found = health.of(deployments)
    ages = secret_facts.ages({name for each in named for name in each.secret_names})
    return [
        _row(
            provider,
            ages,
            [(each, found[each.pk]) for each in deployments if each.provider_id == provider.pk],
        )
        for provider in named
    ]


def total(rows: Sequence[Row]) -> Totals:
    return Totals(
        providers=len(rows),
        enabled=sum(row.provider.enabled for row in rows),
        calls=sum(row.calls for row in rows),
        errors=sum(row.errors for row in rows),
        refused=sum(row.refused for row in rows),
        p95_ms=max((row.p95_ms for row in rows if row.p95_ms is not None), default=None),
        spend=_added(row.spend for row in rows),
        probed_at=max((at for row in rows for at in _probes(row)), default=None),
    )


def _probes(row: Row) -> Iterable[datetime]:
    return (each.probed_at for _, each in row.deployments if each.probed_at is not None)


def _row(
    provider: Provider,
    ages: Mapping[str, CredentialAge],
    deployments: Sequence[tuple[Deployment, Health]],
) -> Row:
    state, sentence = _state(provider, [each for _, each in deployments])
    return Row(
        provider=provider,
        deployments=deployments,
        state=state,
        sentence=sentence,
        hours=_hours([each.hours for _, each in deployments]),
        p95_ms=max(
            (each.p95_ms for _, each in deployments if each.p95_ms is not None), default=None
        ),
        spend=_added(each.spend for _, each in deployments),
        credentials=[ages[name] for name in provider.secret_names if name in ages],
    )


def _state(provider: Provider, found: Sequence[Health]) -> tuple[str, str]:
    if not provider.enabled:
        return "disabled", f"“{provider.name}” is disabled."
    if not found:
        return "idle", f"“{provider.name}” has no deployment yet."
    worst = min(found, key=lambda each: WORST_FIRST.index(each.state))
    return worst.state, worst.sentence


def _hours(strips: Sequence[Sequence[Hour]]) -> Sequence[Hour]:
    """The strips of several deployments as one."""
    if not strips:
        return health.empty_hours()
    return [
        Hour(
            begins=hours[0].begins,
            calls=sum(hour.calls for hour in hours),
            errors=sum(hour.errors for hour in hours),
            p95_ms=max((hour.p95_ms for hour in hours if hour.p95_ms is not None), default=None),
        )
        for hours in zip(*strips, strict=True)
    ]


def _added(amounts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    added: Counter[str] = Counter()
    for each in amounts:
        added.update(each)
    return dict(added)
