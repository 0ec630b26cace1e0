"""The executor of this process: a worker has one, a web process has none."""

import signal
import threading

from runs.executor import Executor

_current: Executor | None = None


def start() -> Executor:
    """Start it (once)."""
    global _current  # noqa: PLW0603 - one per process is the point
    if _current is None:
        _current = Executor(step_down=_end_process)
        _current.start()
    return _current


def stop() -> None:
    global _current  # noqa: PLW0603
    if _current is not None:
        _current.stop()
        _current = None


def wake() -> None:
    """A message arrived: see what waits. Without an executor there is nothing to do; the sweep finds the run."""
    if _current is not None:
        _current.wake()


def _end_process() -> None:
    """As a service manager ends it: Celery stops in good order, and whoever watches over it starts it again."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
