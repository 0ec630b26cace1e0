"""The processes of Grove as command lines: what the supervisor, the tests and a service manager start."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from grove_site.processor import ANY

QUEUES = "runs,chores"
GRACE_SECONDS = 8  # what a page or a stream gets to end by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`probe` is the address that answers below 500 once it is up, `says_ready` that it says so in its log;
    `stop_seconds` is what it gets before it is killed."""

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    probe: str = ""
    says_ready: bool = False
    address: str = ""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10


def web(*, port: int, host: str = "127.0.0.1") -> Program:
    return Program(
        name="web",
        arguments=(
            *python("uvicorn", "grove_site.asgi:application", "--host", host),
            *("--port", str(port), "--no-server-header", "--lifespan", "off", "--no-access-log"),
            *("--timeout-graceful-shutdown", str(GRACE_SECONDS)),
        ),
        probe=f"http://127.0.0.1:{port}/livez",
        address=f"http://localhost:{port}",
        stop_seconds=GRACE_SECONDS + 4,
    )


def worker(*, number: int, slots: int, first_processor: int = ANY) -> Program:
    """One process; its threads hold runs. SIGTERM lets it finish what it holds.

    Worker 1 keeps to the first processor, worker 2 to the one after it, and so on.
    """
    own = ANY if first_processor == ANY else first_processor + number - 1
    return Program(
        name=f"worker {number}",
        arguments=(
            *celery("worker", "--loglevel", "INFO", "--pool", "threads"),
            *("--concurrency", str(slots), "--queues", QUEUES),
            *("--hostname", f"worker{number}@%h"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
        env={"GROVE_WORKER_PROCESSOR": str(own)} if own != ANY else {},
        says_ready=True,
        stop_seconds=20,
    )


def beat() -> Program:
    return Program(name="beat", arguments=celery("beat", "--pidfile", ""))


def model_server(*, port: int) -> Program:
    return Program(
        name="model server",
        arguments=python("grove_site.embedded.model_server", str(port)),
        probe=f"http://127.0.0.1:{port}/health",
        address=f"http://127.0.0.1:{port}/v1",
        stop_seconds=3,
    )


def manage(command: str, *arguments: str) -> tuple[str, ...]:
    return python("grove_site", command, *arguments)


def celery(*arguments: str) -> tuple[str, ...]:
    return python("celery", "--app", "grove_site", "--quiet", *arguments)


def python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)
