"""Two real workers that are killed without warning and started again.

A fork server has imported all they need: a worker is ready in a fraction of a second, so that most kills hit work.
"""

import faulthandler
import multiprocessing
import os
import random
import signal
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self

from grove_site.embedded import processes, programs

NEEDED = ["grove_site.celery", "celery.bin.celery", "celery.apps.worker", "tests.flows.crash.warm"]
START_SECONDS = 0.6  # of a worker on a machine that has nothing else to do
LAST_WORDS = 6_000  # characters of a worker's log
DIE_WHILE_STARTING = 0.15  # of all; the others in the middle of work


class Crew:
    """The workers of a stage. Call it from the main thread."""

    def __init__(self, logs: Path, *, size: int = 2, seeded: int) -> None:
        self.logs = logs
        self.size = size
        self.kills = 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(NEEDED)
        self._random = random.Random(seeded)  # noqa: S311 - not for secrets
        self._workers: dict[int, ForkServerProcess] = {}
        self._pace = 1.0
        self._logs: dict[int, Path] = {}
        self._due: dict[int, float] = {}

    def draw_lots(self) -> None:
        """How long each may live from now on."""
        for number in self._workers:
            self._due[number] = time.monotonic() + self._lifetime()

    def kill_who_is_due(self) -> None:
        """SIGKILL to each whose time has come, and a new one in its place."""
        for number, worker in list(self._workers.items()):
            if number not in self._due and self._is_ready(number):
                self._due[number] = time.monotonic() + self._lifetime()
            if self._due.get(number, time.monotonic() + 1) <= time.monotonic():
                worker.kill()
                worker.join(10)
                self.kills += 1
                self._start(number)

    def replace_who_ended(self) -> int:
        """Start again what ended by itself, as a supervisor does. Returns how many."""
        ended = [number for number, worker in self._workers.items() if not worker.is_alive()]
        for number in ended:
            self._start(number)
        return len(ended)

    def describe(self) -> str:
        """What each worker said last, and where its threads are."""
        for worker in self._workers.values():
            os.kill(worker.pid or 0, signal.SIGUSR2)
        time.sleep(0.5)
        return "\n".join(
            f"--- worker {number} ---\n{self._logs[number].read_text(errors='replace')[-LAST_WORDS:]}"
            for number in self._workers
        )

    def __enter__(self) -> Self:
        """With all of them ready; how long that takes says how busy this machine is."""
        for number in range(1, self.size + 1):
            began = time.monotonic()
            self._start(number)
            while not self._is_ready(number):
                time.sleep(0.01)
            self._pace = min(3.0, max(1.0, (time.monotonic() - began) / START_SECONDS))
        return self

    def __exit__(self, *exception: object) -> None:
        """In good order."""
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            worker.join(30)

    def _start(self, number: int) -> None:
        self._logs[number] = self.logs / f"worker-{number}-{time.monotonic_ns()}.log"
        worker = self._context.Process(target=work, args=(number, str(self._logs[number])))
        worker.start()
        self._workers[number] = worker
        self._due.pop(number, None)
        if self._random.random() < DIE_WHILE_STARTING:
            self._due[number] = time.monotonic() + self._random.uniform(0, 0.5 * self._pace)

    def _is_ready(self, number: int) -> bool:
        log = self._logs[number]
        return log.exists() and "ready." in log.read_text(errors="replace")

    def _lifetime(self) -> float:
        """Seconds, counted from when it is ready."""
        return self._random.uniform(0.05, 1.3 * self._pace)


def work(number: int, log: str) -> None:
    """What a worker process is: the program that `manage.py up` starts, in a process that has its imports."""
    if die := processes._die_with(os.getppid(), signal.SIGKILL):
        die()
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    faulthandler.register(signal.SIGUSR2)
    from celery.__main__ import main

    sys.argv = ["celery", *programs.worker(number=number, slots=4).arguments[3:]]
    sys.exit(main())
