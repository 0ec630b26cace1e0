"""A worker that keeps to one processor. It never works on more: its threads take turns at the interpreter's lock.

Wherever the kernel likes, the thread that gets the lock mostly wakes on another processor, whose caches hold nothing of
the run that it goes on with; beside PostgreSQL it takes that processor from the server, too. See docs/scale.md.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ANY: Final = -1

logger = logging.getLogger(__name__)


def keep_to(number: int) -> None:
    """Bind this process to the processor of this number: the threads that it has, and those that they start.

    ANY leaves it to the kernel. One that this process may not use is said in the log, and changes nothing: a worker
    goes on where it is.
    """
    if number == ANY:
        return
    if sys.platform != "linux":
        logger.warning("GROVE_WORKER_PROCESSOR is for Linux; this worker runs on any processor")
        return
    may_use = os.sched_getaffinity(0)
    if number not in may_use:
        logger.warning(
            "GROVE_WORKER_PROCESSOR is %d, and this process may use %s; it runs on any of them",
            number,
            ", ".join(map(str, sorted(may_use))),
        )
        return
    try:
        _bind({number})
    except OSError as error:  # a sandbox may forbid it
        logger.warning("GROVE_WORKER_PROCESSOR cannot be followed: %s", error)


@contextmanager
def kept_to_one() -> Iterator[int]:
    """Inside the block this process keeps to the first processor that it may use. For measurements on Linux."""
    before = os.sched_getaffinity(0)
    _bind({min(before)})
    try:
        yield min(before)
    finally:
        _bind(before)


def _bind(numbers: set[int]) -> None:
    for thread in Path("/proc/self/task").iterdir():
        try:
            os.sched_setaffinity(int(thread.name), numbers)
        except ProcessLookupError:  # it has just ended
            continue
