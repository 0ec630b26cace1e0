"""Real processes for flow tests: web, workers and the model server, started, killed and restarted at will."""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx

from grove_site.embedded import processes, programs
from grove_site.embedded.programs import Program
from tests.databases import Databases

START_SECONDS = 120
ROOT = Path(__file__).resolve().parent.parent


class RunningProgram:
    """One process and what it printed."""

    def __init__(self, program: Program, env: dict[str, str], log: Path) -> None:
        self.program, self.log = program, log
        with log.open("ab") as stream:
            self.process: subprocess.Popen[bytes] = processes.spawn(
                program.arguments, env=env, cwd=ROOT, output=stream.fileno()
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"{program.name} did not start:\n{self.printed()}")
            time.sleep(0.05)

    def is_up(self) -> bool:
        if not self.program.probe:
            return not self.program.says_ready or "ready." in self.printed()
        try:
            return httpx.get(self.program.probe, timeout=1).status_code < 500
        except httpx.TransportError:
            return False

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        processes.stop(
            self.process, with_signal=self.program.stop_signal, seconds=self.program.stop_seconds
        )


class LiveStack:
    """Processes on the test's databases. Nothing runs before it is started by name."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.running: list[RunningProgram] = []
        self.retired: list[RunningProgram] = []
        self._web: RunningProgram | None = None
        # Its threads stay: a process ends with the thread that began it.
        self._starting = ThreadPoolExecutor(2)
        self.env = {
            **os.environ,
            "DATABASE_URL": databases.url("default"),
            "KEYS_DATABASE_URL": databases.url("keys"),
            "BROKER_URL": databases.broker_url,
            "GROVE_LOG_LEVEL": "INFO",
            "GROVE_STYLEGUIDE": "1",
        }

    def start_web(self) -> str:
        """The address of the web process, started once."""
        if self._web is None:
            self._web = self._start(programs.web(port=processes.free_port()))
        return self._web.program.address

    def start_worker(self, number: int = 1, slots: int = 10) -> RunningProgram:
        return self._start(programs.worker(number=number, slots=slots))

    def replace(self, **env: str) -> None:
        """Other processes with this environment, a web process and a worker; those before end once these are up."""
        before, self._web = list(self.running), None
        self.env |= env
        for one in [
            self._starting.submit(self.start_web),
            self._starting.submit(self.start_worker),
        ]:
            one.result()
        self.retired += before

    def stop_retired(self) -> None:
        """End what was replaced, as a service manager does: what they are at is finished first."""
        with ThreadPoolExecutor(max(1, len(self.retired))) as ending:
            list(ending.map(RunningProgram.stop, self.retired))
        self.running = [one for one in self.running if one not in self.retired]
        self.retired.clear()

    def start_beat(self) -> RunningProgram:
        return self._start(programs.beat())

    def stop_all(self) -> None:
        for one in reversed(self.running):
            one.stop()
        self.running.clear()
        self._web = None

    def client(self, tenant: Any, **options: Any) -> httpx.Client:
        """A client that asks for this tenant's host: Python itself does not resolve *.localhost."""
        host = tenant.domains.get(is_primary=True).domain
        headers = {"Host": host, **options.pop("headers", {})}
        address = self.start_web().replace("localhost", "127.0.0.1")
        return httpx.Client(base_url=address, headers=headers, **options)

    def _start(self, program: Program) -> RunningProgram:
        log = Path(self.env["GROVE_STATE_DIR"]) / f"{program.name} {len(self.running)}.log"
        started = RunningProgram(program, self.env, log)
        self.running.append(started)
        return started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop_all()


class ModelServer:
    """The embedded model; `base_url` is what a provider is given."""

    def __init__(self) -> None:
        self.program = programs.model_server(port=processes.free_port())

    @property
    def base_url(self) -> str:
        return self.program.address

    def __enter__(self) -> Self:
        log = Path(os.environ["GROVE_STATE_DIR"]) / "model server.log"
        self.running = RunningProgram(self.program, dict(os.environ), log)
        return self

    def __exit__(self, *exception: object) -> None:
        self.running.kill()
