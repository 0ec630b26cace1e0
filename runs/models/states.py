"""States of runs and node executions, and which may follow which."""

from collections.abc import Mapping
from typing import Final

from django.db import models


class RunStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    COMPLETED_WITH_NON_CRITICAL_ERRORS = "completed_with_non_critical_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DISPOSED = "disposed"


class RunPurpose(models.TextChoices):
    """What a run is for. A replay acts on nothing: it only reads what another run recorded.

    A run on staging is real; its version need not be published.
    """

    WORK = "", "Work"
    STAGING = "staging"
    REPLAY = "replay"
    WHAT_IF = "what_if"


class NodeStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class CallStatus(models.TextChoices):
    """A model call: intended before the act, then what became of it."""

    INTENDED = "intended"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # the worker was lost: nobody knows what the provider did
    LATE = "late"  # the answer came after a cancel or a lost claim, and was not used


TERMINAL: Final = frozenset(
    {
        RunStatus.COMPLETED,
        RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS,
        RunStatus.FAILED,
        RunStatus.CANCELLED,
        RunStatus.DISPOSED,
    }
)

ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.RUNNING: frozenset(
        {
            RunStatus.WAITING,
            RunStatus.COMPLETED,
            RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS,
            RunStatus.FAILED,
            RunStatus.CANCELLED,
        }
    ),
    RunStatus.WAITING: frozenset({RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.FAILED: frozenset({RunStatus.QUEUED, RunStatus.DISPOSED}),
    RunStatus.COMPLETED: frozenset({RunStatus.DISPOSED}),
    RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS: frozenset({RunStatus.DISPOSED}),
    RunStatus.CANCELLED: frozenset({RunStatus.DISPOSED}),
    RunStatus.DISPOSED: frozenset(),
}


def can_follow(before: str, after: str) -> bool:
    return after in ALLOWED[before]


def before(after: str) -> list[str]:
    """The states from which this one may be reached: the condition of the UPDATE that moves a run."""
    return [status for status, following in ALLOWED.items() if after in following]
