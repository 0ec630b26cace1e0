"""A program as the supervisor sees it: its process, its log, and when it may be started again."""

import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from grove_site.embedded import processes
from grove_site.embedded.programs import Program

FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS = 0.5, 30.0, 60.0
READY = "ready."  # the last word of Celery's line when a worker takes messages
LOG_BYTES = 10_000_000


class Child:
    """Started, watched, started again after a pause that doubles, stopped."""

    def __init__(self, program: Program, *, env: Mapping[str, str], log: Path) -> None:
        self.program, self.env, self.log = program, env, log
        self.process: subprocess.Popen[bytes] | None = None
        self.pause = FIRST_PAUSE
        self.started_at = self.start_again_at = 0.0
        self._log_start = 0

    @property
    def name(self) -> str:
        return self.program.name

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.is_file() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old"))
        with self.log.open("ab") as stream:
            self._log_start = stream.tell()
            self.process = processes.spawn(
                self.program.arguments,
                env={**self.env, **self.program.env},
                output=stream.fileno(),
            )
        self.started_at = time.monotonic()

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def is_up(self) -> bool:
        if self.has_ended():
            return False
        if self.program.probe:
            return _answers(self.program.probe)
        return READY in self.printed() or not self.program.says_ready

    def note_end(self) -> str:
        """How it ended, for people; plans the next start."""
        code = self.process.returncode if self.process else 0
        self.process = None
        now = time.monotonic()
        if now - self.started_at > STEADY_SECONDS:
            self.pause = FIRST_PAUSE
        self.start_again_at = now + self.pause
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        words = f"{how}; starts again in {self.pause:g} s; its log: {self.log}"
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        return words

    def is_due(self) -> bool:
        return self.process is None and time.monotonic() >= self.start_again_at

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)

    def wait_or_kill(self) -> None:
        if self.process is not None:
            stop_signal, seconds = self.program.stop_signal, self.program.stop_seconds
            processes.stop(self.process, with_signal=stop_signal, seconds=seconds)
            self.process = None

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()

    def printed(self) -> str:
        """What it printed since its last start."""
        with self.log.open("rb") as stream:
            stream.seek(self._log_start)
            return stream.read().decode(errors="replace")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1):  # noqa: S310  (an address of ours)
            return True
    except urllib.error.HTTPError as answer:
        return answer.code < 500
    except OSError:
        return False
