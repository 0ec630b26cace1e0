"""A worker that was given a processor of its own works there, with all its threads."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import finish, make_run, make_version

if TYPE_CHECKING:
    from tests.stack import LiveStack

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
    pytest.mark.skipif(sys.platform != "linux", reason="Linux only"),
]


def processors_of(process: int) -> list[set[int]]:
    """Those that each of its threads may use."""
    found = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            found.append(os.sched_getaffinity(int(thread.name)))
    return found


def test_a_worker_keeps_to_its_processor(
    in_acme: Tenant, live_stack: "LiveStack", monkeypatch: pytest.MonkeyPatch
) -> None:
    number = max(os.sched_getaffinity(0))
    monkeypatch.setitem(live_stack.env, "GROVE_WORKER_PROCESSOR", str(number))
    try:
        worker = live_stack.start_worker(1)
        done = finish(make_run(make_version(definitions.CHAIN)))
        used = processors_of(worker.process.pid)
    finally:
        live_stack.stop_all()

    assert done.status == "completed"
    assert len(used) > 2
    assert all(processors == {number} for processors in used)
