"""A worker that keeps to one processor. In processes of their own: whoever is bound stays so."""

import os
import subprocess
import sys

import pytest

from grove_site import processor
from grove_site.embedded import programs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

# Prints what each thread may use: one from before, the first one, and one that is started afterwards.
BOUND = """
import logging, os, sys, threading
from grove_site import processor
logging.basicConfig(format="%(message)s")
go, done, seen = threading.Event(), threading.Event(), []
def look():
    seen.append(sorted(os.sched_getaffinity(0)))
def before():
    go.wait(); look(); done.set()
threading.Thread(target=before).start()
processor.keep_to(int(sys.argv[1]))
go.set(); done.wait(); look()
later = threading.Thread(target=look)
later.start(); later.join()
print(seen)
"""


def bound(number: int) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", BOUND, str(number)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip(), done.stderr


def test_all_threads_keep_to_the_processor_those_before_and_those_to_come() -> None:
    last = max(os.sched_getaffinity(0))

    seen, told = bound(last)

    assert seen == str([[last]] * 3)
    assert told == ""


def test_any_leaves_it_to_the_kernel() -> None:
    seen, told = bound(processor.ANY)

    assert seen == str([sorted(os.sched_getaffinity(0))] * 3)
    assert told == ""


def test_a_processor_that_is_not_ours_is_told_and_changes_nothing() -> None:
    ours = os.sched_getaffinity(0)

    seen, told = bound(max(ours) + 1000)

    assert seen == str([sorted(ours)] * 3)
    assert f"GROVE_WORKER_PROCESSOR is {max(ours) + 1000}" in told
    assert ", ".join(map(str, sorted(ours))) in told


def test_a_sandbox_that_forbids_it_stops_no_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def forbid(thread: int, numbers: set[int]) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", forbid)

    processor.keep_to(min(os.sched_getaffinity(0)))

    assert "GROVE_WORKER_PROCESSOR cannot be followed: Operation not permitted" in caplog.text


def test_a_measurement_gives_the_processors_back() -> None:
    before = os.sched_getaffinity(0)

    with processor.kept_to_one() as number:
        assert os.sched_getaffinity(0) == {number} <= before

    assert os.sched_getaffinity(0) == before


def test_workers_that_are_started_together_have_one_each() -> None:
    own = [programs.worker(number=n, slots=1, first_processor=2).env for n in (1, 2)]

    assert own == [{"GROVE_WORKER_PROCESSOR": "2"}, {"GROVE_WORKER_PROCESSOR": "3"}]
    assert programs.worker(number=2, slots=1).env == {}
