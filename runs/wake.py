"""Tell a worker that a run waits. A hint: when it is lost, the sweep finds the run a moment later."""

import logging
from uuid import UUID

from django.db import transaction

logger = logging.getLogger(__name__)


def after_commit(run_id: UUID) -> None:
    """Send the message when the transaction has committed."""
    transaction.on_commit(lambda: _send(run_id))


def _send(run_id: UUID) -> None:
    from runs.tasks import execute_run  # noqa: PLC0415 - the task calls the executor, which starts runs

    try:
        execute_run.delay(str(run_id))
    except Exception:  # whatever the broker does, the run is on record
        logger.warning("No message could be sent; the sweep will find the run", exc_info=True)
