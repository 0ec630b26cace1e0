"""Quotas where runs start: what is used up becomes a refusal that says what, how much, and when it frees.

The limits are set in tenancy/quotas.py, the counting is in runs/migrations/start.sql. Runs under way at once are held
once more where workers claim runs, so that runs which wait for a place, wake up or are children keep to it, too.
"""

from datetime import datetime, timedelta
from math import ceil

from runs.errors import QuotaExceeded
from runs.models import Run, RunStatus
from runs.starts import Refusal
from tenancy.context import current_tenant
from tenancy.money import to_amount, to_money
from tenancy.quotas import span_of

UNDER_WAY = (RunStatus.QUEUED, RunStatus.RUNNING)  # a parked run takes nobody's place
ASK_AGAIN_SECONDS = 5  # nobody knows when a run will end


def count_under_way() -> int:
    """The current tenant's runs that wait for a worker or have one. Child runs count with their root."""
    return Run.objects.filter(status__in=UNDER_WAY, parent_run=None).count()


def check(refusal: Refusal | None, *, at: datetime) -> None:
    """Raise QuotaExceeded for what the database said is in the way."""
    if refusal is None:
        return
    frees_at = _frees_at(refusal, at)
    seconds = ASK_AGAIN_SECONDS if frees_at is None else ceil((frees_at - at).total_seconds())
    raise QuotaExceeded(
        _sentence(refusal, frees_at),
        quota=refusal["quota"],
        limit=_shown(refusal, refusal["limit"]),
        used=_shown(refusal, refusal["used"]),
        frees_at=frees_at.isoformat().replace("+00:00", "Z") if frees_at else None,
        retry_after=max(1, seconds),
    )


def _frees_at(refusal: Refusal, at: datetime) -> datetime | None:
    period = refusal.get("period")
    if not period:
        return None
    if period == "hour":
        return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return span_of(period, at)[1]


def _sentence(refusal: Refusal, frees_at: datetime | None) -> str:
    who, limit, used = current_tenant().name, refusal["limit"], refusal["used"]
    if frees_at is None:
        return (
            f"{who} may have {limit:,} runs under way at once, and has {used:,}. "
            "There is room again as soon as one of them ends."
        )
    until = f"The next {refusal['period']} begins at {frees_at:%H:%M} UTC on {frees_at:%d %B %Y}."
    if refusal["quota"] == "runs_per_hour":
        return f"{who} may start {limit:,} runs an hour, and has started {used:,}. {until}"
    currency = refusal["currency"]
    return (
        f"{who} may spend {to_amount(limit)} {currency} a {refusal['period']}, "
        f"and {to_amount(used)} {currency} is spent or reserved. {until}"
    )


def _shown(refusal: Refusal, number: int) -> int | dict[str, str]:
    """Runs as a number, money as an amount."""
    currency = refusal.get("currency")
    return to_money(number, currency) if currency else number
