"""The threads on which nodes run. One that hangs is left to itself, and another takes its place.

Nobody can end a thread from outside. So an attempt that was given up and still runs keeps its thread, not its place.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from runs.first_calls import Decided
from runs.live_run import LiveRun, Start

logger = logging.getLogger(__name__)

GIVE_BACK_AFTER_SECONDS = 2.0  # what was given up mostly ends by itself before that
HANGS_AFTER_SECONDS = 60.0
CALLS_AT_MOST = 20  # of one attempt of a kind that bounds its calls and not itself: tried again, elsewhere, repaired


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """An attempt to put to work. Moments are those of the monotonic clock, in seconds."""

    live: LiveRun
    start: Start
    decided: Decided | None = None  # the call that it begins with
    began_at: float = 0.0
    given_up_at: float | None = None
    is_told: bool = False  # somebody was told that it hangs

    @property
    def overlong_after(self) -> float | None:
        """Seconds after which an attempt hangs whose deadline the run does not watch; None where it does."""
        if self.start.spec.timeout_seconds is not None:
            return None
        own = getattr(self.start.spec.config, "timeout_seconds", None)
        return None if own is None else own * CALLS_AT_MOST + HANGS_AFTER_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is wrong with attempts at work, each of them told once."""

    overlong: Sequence[Attempt] = ()  # to be given up
    hanging: Sequence[Attempt] = ()  # given up long ago, and their threads still run


@dataclass(slots=True, kw_only=True, eq=False)
class NodePool:
    """Runs attempts on up to `size` threads; `work` is called on one of them and does not raise.

    As many threads again may hang beside them. When they all do, the pool is worn out: only a new process helps.
    """

    size: int
    work: Callable[[Attempt], None]
    _queue: SimpleQueue[Attempt | None] = field(default_factory=SimpleQueue)
    _lock: threading.Condition = field(default_factory=threading.Condition)
    _busy: dict[threading.Thread, Attempt] = field(default_factory=dict)
    _replaced: dict[threading.Thread, Attempt] = field(default_factory=dict)
    _not_begun: list[Attempt] = field(default_factory=list)
    _threads: int = 0
    _idle: int = 0
    _stopped: bool = False

    @property
    def room(self) -> int:
        """How many would be worked on at once if they came now."""
        with self._lock:
            return self._idle + self.size - self._threads

    def submit(self, attempt: Attempt) -> None:
        """Let a thread run this. After the stop it is kept with what has not begun."""
        with self._lock:
            if self._stopped:
                self._not_begun.append(attempt)
                return
            self._queue.put(attempt)
            if self._idle:
                self._idle -= 1
            elif self._threads < self.size:
                self._add_thread()

    def stop(self, *, within_seconds: float) -> None:
        """Begin nothing more, and wait for what runs, but for what was given up."""
        with self._lock:
            self._stopped = True
            try:
                while True:
                    if attempt := self._queue.get_nowait():
                        self._not_begun.append(attempt)
            except Empty:
                pass
            for _ in range(self._threads):
                self._queue.put(None)
            self._lock.wait_for(self._is_quiet, within_seconds)

    def take_not_begun(self) -> list[Attempt]:
        """What was left when the pool stopped, and came after that."""
        with self._lock:
            taken, self._not_begun = self._not_begun, []
        return taken

    def look(self, is_wanted: Callable[[Attempt], bool]) -> Look:
        """Give back the places of attempts that were given up; say which take too long, and which hang."""
        at = time.monotonic()
        overlong: list[Attempt] = []
        with self._lock:
            for thread, attempt in list(self._busy.items()):
                if is_wanted(attempt):
                    limit = attempt.overlong_after
                    if limit is not None and at - attempt.began_at >= limit:
                        overlong.append(attempt)
                    continue
                if attempt.given_up_at is None:
                    attempt.given_up_at = at
                if at - attempt.given_up_at >= GIVE_BACK_AFTER_SECONDS and self._may_replace():
                    self._replace(thread)
            hanging = [
                attempt
                for attempt in self._given_up()
                if not attempt.is_told and _hangs(attempt, at)
            ]
            self._lock.notify_all()  # a stop does not wait for what was given up
        for attempt in hanging:
            attempt.is_told = True
        return Look(overlong=overlong, hanging=hanging)

    @property
    def is_worn_out(self) -> bool:
        """As many threads hang as there may be at all."""
        at = time.monotonic()
        with self._lock:
            return sum(_hangs(attempt, at) for attempt in self._replaced.values()) >= self.size

    def _may_replace(self) -> bool:
        return not self._stopped and len(self._replaced) < self.size

    def _replace(self, thread: threading.Thread) -> None:
        self._replaced[thread] = self._busy.pop(thread)
        self._threads -= 1
        self._idle += self._queue.empty()
        self._add_thread()

    def _given_up(self) -> list[Attempt]:
        return [
            *self._replaced.values(),
            *(attempt for attempt in self._busy.values() if attempt.given_up_at is not None),
        ]

    def _is_quiet(self) -> bool:
        return all(attempt.given_up_at is not None for attempt in self._busy.values())

    def _add_thread(self) -> None:
        self._threads += 1
        # A daemon: a thread that hangs must not hold the end of the process up.
        threading.Thread(target=self._serve, name="node", daemon=True).start()

    def _serve(self) -> None:
        me = threading.current_thread()
        while attempt := self._queue.get():
            with self._lock:
                if self._stopped:
                    self._not_begun.append(attempt)
                    continue
                attempt.began_at = time.monotonic()
                self._busy[me] = attempt
            try:
                self.work(attempt)
            except Exception:
                logger.exception("A node's work raised where nothing may")
            with self._lock:
                if self._replaced.pop(me, None):
                    return
                del self._busy[me]
                self._idle += self._queue.empty()
                self._lock.notify_all()


def _hangs(attempt: Attempt, at: float) -> bool:
    return attempt.given_up_at is not None and at - attempt.given_up_at >= HANGS_AFTER_SECONDS
