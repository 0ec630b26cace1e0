"""Attempts that take no end: given up like any that takes too long, and people are told."""

import logging
from datetime import datetime

from compliance import alerts
from compliance.models import AlertKind
from compliance.models.alert import Severity
from runs.node_pool import HANGS_AFTER_SECONDS, Attempt
from runs.outcomes import Outcome
from runs.turn import failed
from tenancy.context import tenant_context

logger = logging.getLogger(__name__)


def give_up(attempt: Attempt, at: datetime) -> Outcome:
    """The end of an attempt whose calls bound themselves, and did not."""
    start = attempt.start
    sentence = (
        f"Node “{start.node}” did not come to an end, though each of its calls is bounded to "
        f"{start.spec.config.timeout_seconds} seconds. It was given up."
    )
    return failed(start.path, start.execution_id, at, "timeout", sentence)


def tell(attempt: Attempt) -> None:
    """Log that a thread still runs what was given up long ago, and raise an alert; one for each node that does."""
    live, path = attempt.live, attempt.start.path
    logger.error(
        "A node hangs: it was given up, and its thread still runs",
        extra={
            "action": "node_hangs",
            "run": str(live.run_id),
            "node_kind": attempt.start.spec.kind,
        },
    )
    with tenant_context(live.tenant):
        alerts.raise_alert(
            kind=AlertKind.NODE_HANGS,
            severity=Severity.WARNING,
            subject_kind="run",
            subject_id=live.run_id,
            name=f"{live.path}, {path}",
            sentence=(
                f"Node “{path}” of “{live.path}” was given up more than {HANGS_AFTER_SECONDS:.0f} seconds ago and "
                "still runs. Its place was given to another; see what it calls."
            ),
            key=f"node_hangs:{live.workflow_id}:{attempt.start.node}",
        )
