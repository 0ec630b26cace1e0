"""Tell a worker that runs wait. A hint, and one for a whole burst: a worker that hears nothing looks a moment later.

Sending takes as long as starting a run, so a thread of this process does it, for all that waits by then.
"""

import logging
import threading
import time
from uuid import UUID

from django.db import transaction

QUIET_SECONDS = 0.02  # after a message: whatever is started meanwhile shares the next one

logger = logging.getLogger(__name__)


class Bell:
    """A thread that sends one message for all that was rung since the last."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._change = threading.Lock()
        self._thread: threading.Thread | None = None
        self._run_id: UUID | None = None

    def ring(self, run_id: UUID) -> None:
        self._run_id = run_id
        self._rung.set()
        with self._change:  # a forked process has the event, and not the thread
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="bell", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            self._rung.wait()
            self._rung.clear()
            _send(self._run_id)
            time.sleep(QUIET_SECONDS)


_bell = Bell()


def after_commit(run_id: UUID) -> None:
    """Ring when the transaction has committed."""
    transaction.on_commit(lambda: _bell.ring(run_id))


def _send(run_id: UUID | None) -> None:
    from runs.tasks import execute_run  # noqa: PLC0415 - the task calls the executor, which starts runs

    try:
        execute_run.delay(str(run_id))
    except Exception:  # whatever the broker does, the run is on record
        logger.warning("No message could be sent; the sweep will find the run", exc_info=True)
