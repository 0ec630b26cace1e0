"""Which deployments to leave in peace for a while, as this process saw them. A hint for the order, no rule."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

from workflows.providers.errors import FailureKind, ProviderError

PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0


class Cooldowns:
    """A deployment that failed waits; after a good answer it is as before. Failures in a row double the pause."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._change = threading.Lock()
        self._until: dict[UUID, float] = {}
        self._failures: dict[UUID, int] = {}

    def is_cooling(self, deployment_id: UUID) -> bool:
        return self._until.get(deployment_id, 0.0) > self._clock()

    def failed(self, deployment_id: UUID, error: ProviderError) -> None:
        if not error.retryable:
            return
        with self._change:
            count = self._failures[deployment_id] = self._failures.get(deployment_id, 0) + 1
            pause = PAUSE_SECONDS * 2 ** min(count - 1, 6)
            if error.kind is FailureKind.RATE_LIMITED and error.retry_after_seconds is not None:
                pause = error.retry_after_seconds
            self._until[deployment_id] = self._clock() + min(pause, LONGEST_PAUSE_SECONDS)

    def answered(self, deployment_id: UUID) -> None:
        with self._change:
            self._until.pop(deployment_id, None)
            self._failures.pop(deployment_id, None)
