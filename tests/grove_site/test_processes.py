import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grove_site.embedded import processes
from tests.runs.making import PATIENCE_SECONDS

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = """
import sys, time
from grove_site.embedded import processes
child = processes.spawn([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def test_child_dies_with_a_killed_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."}
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_alive(child)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


def test_child_that_does_not_listen_is_killed() -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    child = processes.spawn([sys.executable, "-c", deaf], output=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()

    processes.stop(child, with_signal=signal.SIGTERM, seconds=0.2)
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            stream.close()

    assert child.returncode == -signal.SIGKILL


def test_stopping_what_has_ended_does_nothing() -> None:
    child = processes.spawn([sys.executable, "-c", ""])
    child.wait()

    processes.stop(child, with_signal=signal.SIGTERM, seconds=1)

    assert child.returncode == 0


def test_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    file = tmp_path / "port"
    port = processes.kept_port(file)

    assert processes.kept_port(file) == port
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        assert not processes.is_port_free(port)
        assert processes.kept_port(file) != port


@pytest.mark.parametrize("left", ["", "no number"])
def test_a_spoilt_port_file_is_no_obstacle(tmp_path: Path, left: str) -> None:
    (tmp_path / "port").write_text(left)

    assert processes.kept_port(tmp_path / "port") > 0
