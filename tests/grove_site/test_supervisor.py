"""`manage.py up`, for real, in a state folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grove_site.embedded import processes

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "KEYS_DATABASE_URL", "BROKER_URL", "GROVE_ROOT_KEY", "GROVE_SECRET_KEY")
SECONDS = 120


class Up:
    """The supervisor as a child of the test, and what it printed."""

    def __init__(self, state: Path, *arguments: str, **env: str) -> None:
        self.state = state
        self.log = state / f"up-{time.monotonic_ns()}.txt"
        given = {name: value for name, value in os.environ.items() if name not in OURS}
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--workers", "1", *arguments],
                cwd=ROOT,
                env=given | {"GROVE_STATE_DIR": str(state)} | env,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def printed(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str) -> None:
        self._wait(lambda: words in self.printed() or self.process.poll() is not None)
        assert words in self.printed(), self.printed()

    def wait_until_nothing_is_left(self) -> None:
        self._wait(lambda: not processes_of(self.state))
        assert not processes_of(self.state)

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.1)


def processes_of(state: Path) -> dict[int, str]:
    """Everything that lives and names the state folder in its arguments or its environment, the test aside."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            known = command + (folder / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(state) in known and command:
            found[int(folder.name)] = command.replace(b"\0", b" ").decode()
    return found


@pytest.fixture
def state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="grove-up-"))
    folder.chmod(0o755)
    yield folder
    for pid in processes_of(folder):  # only after a failure
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder)


def test_everything_comes_up_is_looked_after_and_goes_down(state: Path) -> None:
    port = str(processes.free_port())
    first = Up(state, "--port", port)
    first.wait_for("Ctrl-C stops it")
    for name in ("PostgreSQL", "model server", "worker 1", "beat", "web"):
        assert f"{name:<18}up" in first.printed()

    worker = next(pid for pid, command in processes_of(state).items() if " worker " in command)
    os.kill(worker, signal.SIGKILL)
    first.wait_for("was killed by SIGKILL; starts again")
    first.wait_for("started again")

    second = Up(state, "--port", port)
    assert second.process.wait(SECONDS) == 1
    assert "already up" in second.printed()

    first.process.kill()  # nobody can clean up now
    first.process.wait()
    first.wait_until_nothing_is_left()

    third = Up(state, "--port", port)
    third.wait_for("Ctrl-C stops it")
    assert "made" not in third.printed(), "keys are made once"
    third.process.send_signal(signal.SIGTERM)
    assert third.process.wait(SECONDS) == 0
    assert "nothing is left running" in third.printed()
    assert not processes_of(state)


def test_a_taken_port_is_named_with_the_remedy(state: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        up = Up(state, "--port", str(port))

        assert up.process.wait(SECONDS) == 1
    assert f"Port {port} is taken" in up.printed()
    assert "GROVE_PORT=" in up.printed()
    assert "Traceback" not in up.printed()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        # everything that is missing is said at once
        (
            {"DATABASE_URL": "postgresql://a:b@127.0.0.1:1/x"},
            ["GROVE_SECRET_KEY is not set", "GROVE_ROOT_KEY is not set"],
        ),
        # a number that is none
        ({"GROVE_PORT": "http"}, ["GROVE_PORT is “http”"]),
        # the database is down
        (
            {
                "DATABASE_URL": "postgresql://a:b@127.0.0.1:1/x",
                "KEYS_DATABASE_URL": "postgresql://a:b@127.0.0.1:1/y",
                "BROKER_URL": "redis://127.0.0.1:1",
                "GROVE_ROOT_KEY": "x",
                "GROVE_SECRET_KEY": "x",
            },
            ["The database x at 127.0.0.1:1 does not answer"],
        ),
    ],
)
def test_what_stops_the_start_is_said_in_sentences(
    state: Path, env: dict[str, str], said: list[str]
) -> None:
    up = Up(state, "--port", str(processes.free_port()), **env)

    assert up.process.wait(SECONDS) == 1
    for words in said:
        assert words in up.printed()
    assert "Traceback" not in up.printed()


def test_an_input_that_is_no_file_is_refused_before_anything_starts(state: Path) -> None:
    up = Up(state, "--input", "missing.txt")

    assert up.process.wait(SECONDS) == 1
    assert "missing.txt is not a file" in up.printed()
    assert not (state / "postgres").exists()
