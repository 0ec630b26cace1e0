"""Providers as a table for spreadsheets: a line for each deployment, with how it was in 24 hours and what it cost."""

from collections.abc import Iterable, Iterator
from typing import Final

from compliance.labels import DataClass
from tenancy.money import to_amount
from workflows.models import Deployment
from workflows.providers.health import Health
from workflows.providers.overview import Row

HEADS: Final = (
    *("provider", "kind", "deployment", "model", "model_answered", "enabled", "state", "sentence"),
    *("region", "egress", "up_to_class", "trains_on_data", "dpa", "baa", "zero_retention", "papers_until"),
    *("signs_in_by", "credentials", "credential_days_old", "rotate_after_days"),
    *("calls_24h", "failed_24h", "refused_by_policy_24h", "p95_ms", "spend_24h", "currency"),
)  # fmt: skip


def lines(rows: Iterable[Row]) -> Iterator[tuple[object, ...]]:
    """By provider and deployment; what was spent in several currencies is several lines of the same deployment."""
    for row in rows:
        for deployment, health in row.deployments:
            for currency, micros in (health.spend or {"": 0}).items():
                yield (*_of_deployment(row, deployment, health), to_amount(micros), currency)


def _of_deployment(row: Row, deployment: Deployment, health: Health) -> tuple[object, ...]:
    provider, oldest = row.provider, row.oldest_credential
    return (
        *(provider.name, provider.get_kind_display(), deployment.name, deployment.model),
        *(health.model_answered, deployment.enabled and provider.enabled),
        *(health.state, health.sentence, provider.region, provider.egress),
        *(DataClass(deployment.clearance).word, provider.trains_on_data),
        *(provider.dpa, provider.baa, provider.zero_retention, provider.papers_expire_on),
        *(provider.get_auth_display(), provider.secret_names),
        *(oldest and oldest.days, oldest and oldest.rotate_days),
        *(health.calls, health.errors, health.refused, health.p95_ms),
    )
