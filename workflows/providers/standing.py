"""How a deployment stands, and what failures and answers make of that: a breaker as values. Pure, with the time given.

Closed: it is called. After a failure it rests: it comes last for a while. After three in a row, or when the provider
said how long to wait, it is open: nobody calls it. When that time is over it is half-open: one worker tries it.
(Michael Nygard, “Release It!”, 2007: Circuit Breaker; Retry-After: RFC 9110, 10.2.3.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from workflows.providers.errors import RETRYABLE, FailureKind

OPENS_AFTER = 3  # failures in a row
PAUSE = timedelta(seconds=5)  # doubled with each further failure
LONGEST_PAUSE = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)  # however long a provider asks for
TRIAL = timedelta(seconds=60)  # how long one worker may hold the trial of a half-open breaker


class Breaker(StrEnum):
    CLOSED = "closed"
    RESTING = "resting"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What all workers know of a deployment. `failures` counts those in a row."""

    failures: int = 0
    failure_kind: str = ""
    must_wait: bool = False
    open_until: datetime | None = None
    model_asked: str = ""
    model_answered: str = ""

    def breaker(self, at: datetime) -> Breaker:
        trips = self.failures >= OPENS_AFTER or self.must_wait
        if self.open_until is None:
            return Breaker.CLOSED
        if self.open_until > at:
            return Breaker.OPEN if trips else Breaker.RESTING
        return Breaker.HALF_OPEN if trips else Breaker.CLOSED

    def has_drifted(self, *, asked: str, answered: str) -> bool:
        """Did the pinned model answer as another version than it did before?"""
        return bool(answered) and self.model_asked == asked and self.model_answered != answered


CLOSED: Final = Standing()


def may_try(standing: Standing, at: datetime) -> bool:
    """Half-open counts: whoever tries it takes the trial first."""
    return standing.breaker(at) is not Breaker.OPEN


def after_failure(
    standing: Standing, kind: FailureKind, retry_after: float | None, at: datetime
) -> Standing:
    """What one more failure makes of it. What was wrong with the request changes nothing.

    Calls that had left before it opened come back failed, too: they change nothing either.
    """
    if kind not in RETRYABLE:
        return standing
    asked = (
        at + min(timedelta(seconds=max(0.0, retry_after)), LONGEST_WAIT) if retry_after else None
    )
    if standing.breaker(at) is Breaker.OPEN:
        if asked is None or standing.open_until is None or asked <= standing.open_until:
            return standing
        return replace(standing, must_wait=True, open_until=asked)
    failures = standing.failures + 1
    pause = min(PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
    return replace(
        standing,
        failures=failures,
        failure_kind=str(kind),
        must_wait=asked is not None,
        open_until=asked or at + pause,
    )


def after_rejection(standing: Standing) -> Standing:
    """A key was rejected: remembered, so that the next answer is news. For the breaker it counts for nothing."""
    return replace(standing, failure_kind=str(FailureKind.AUTH))


def after_answer(standing: Standing, *, asked: str, answered: str) -> Standing:
    """A good answer closes it; equal to what it was where there is nothing to note."""
    known = {"model_asked": asked, "model_answered": answered} if answered else {}
    return replace(standing, failures=0, failure_kind="", must_wait=False, open_until=None, **known)
