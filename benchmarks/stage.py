"""What every measurement stands on: a durable PostgreSQL, a tenant, workers, a model of known speed.

Import this before anything of Django's: `with Stage() as stage:` sets the environment and loads the settings.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
ROOT_KEY = "bWVhc3VyZW1lbnRzIG1lYXN1cmVtZW50cyBtZWFzdXI="
ANSWER = (
    b'{"id":"1","object":"chat.completion","model":"measured","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"A short answer."}}],'
    b'"usage":{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16}}'
)


class Stage:
    """A PostgreSQL with full durability and everything on; gone afterwards, unless a folder to keep it in is given."""

    def __init__(self, *, keep: Path | None = None, migrated: bool = False) -> None:
        self.kept = keep is not None
        self.takes_migrated = migrated  # the databases that the tests keep, where they keep any
        self.state = keep.resolve() if keep else Path(tempfile.mkdtemp(prefix="grove-bench-"))
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o755)

    def __enter__(self) -> Self:
        sys.path.insert(0, str(ROOT))
        for name in [name for name in os.environ if name.startswith("GROVE_")]:
            del os.environ[name]
        os.environ |= {
            "GROVE_STATE_DIR": str(self.state),
            "GROVE_ROOT_KEY": ROOT_KEY,
            "GROVE_SECRET_KEY": "only for measurements, and long enough",
            "GROVE_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "grove_site.settings",
        }
        from grove_site import garbage
        from grove_site.embedded import processes, surroundings
        from grove_site.embedded.postgres import EmbeddedPostgres
        from tests import kept_cluster

        self.postgres = EmbeddedPostgres(self.state)
        is_migrated = self.takes_migrated and kept_cluster.unpack(self.postgres)
        self.postgres.start()
        if is_migrated:
            kept_cluster.name_as_served(self.postgres)
        made = surroundings.of_embedded_server(self.postgres, self.state, env={})
        os.environ |= {k: v for k, v in made.serving.items() if not k.endswith("_FILE")}
        self.env = dict(os.environ)
        self._owner_url = made.owning["DATABASE_URL"]
        for alias in () if is_migrated else ("default", "keys"):
            migration = processes.spawn(
                (sys.executable, "-m", "grove_site", "migrate", "--database", alias, "-v", "0"),
                env={**self.env, **made.owning},
                cwd=ROOT,
            )
            if migration.wait():
                raise SystemExit(f"The database {alias} could not be migrated.")
        import django

        django.setup()
        garbage.settle()  # as in the processes that serve
        return self

    def __exit__(self, *exception: object) -> None:
        from django.db import connections

        for connection in connections.all():
            connection.close()
            connection.close_pool()
        self.postgres.stop()
        if not self.kept:
            shutil.rmtree(self.postgres.home, ignore_errors=True)
            shutil.rmtree(self.state, ignore_errors=True)

    def analyze(self) -> None:
        """What autovacuum does a moment after rows came: plans that were made for empty tables are guesses."""
        import psycopg

        with psycopg.connect(self._owner_url, autocommit=True) as owner:
            owner.execute("ANALYZE")

    @property
    def owner_url(self) -> str:
        """For the bare loop, which makes a table of its own."""
        return self._owner_url

    @contextmanager
    def workers(self, count: int, *, app: str = "grove_site") -> Iterator[list[Any]]:
        """Real Celery workers; they are ready when this yields. `app` is a module that imports Grove's own."""
        from grove_site.embedded import processes, programs

        started = []
        try:
            for number in range(1, count + 1):
                program = programs.worker(number=number, slots=4)
                arguments = tuple(
                    app if part == "grove_site" else part for part in program.arguments
                )
                log = self.state / f"worker-{number}-{time.monotonic_ns()}.log"
                with log.open("wb") as stream:
                    worker = processes.spawn(
                        arguments, env=self.env, cwd=ROOT, output=stream.fileno()
                    )
                started.append(worker)
                wait_until(lambda log=log: "ready." in log.read_text(errors="replace"), 60)
            yield started
        finally:
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.wait(30)


def make_tenant(name: str) -> Any:
    """A tenant with its default policies. The caller enters it with tenant_context."""
    from compliance import policies
    from tenancy import actors
    from tenancy.context import tenant_context
    from tenancy.models import Tenant

    tenant = Tenant.objects.create(schema_name=name, name=name)
    with tenant_context(tenant):
        policies.install_defaults(by=actors.SYSTEM)
    return tenant


def publish(text: str) -> Any:
    """The published version of this definition, in the current tenant."""
    from tenancy import actors
    from workflows import definitions, versions

    revision = definitions.import_definition(text=text, by=actors.SYSTEM)
    version = versions.create(revision=revision, by=actors.SYSTEM)
    versions.publish(version=version, by=actors.SYSTEM, reason="Measured.")
    version.refresh_from_db()
    return version


def add_model(base_url: str) -> None:
    """Make the model group `default` of the current tenant lead to this server, at a price of zero."""
    from compliance.labels import DataClass
    from tenancy import actors
    from workflows import model_groups
    from workflows.providers import register

    by = actors.SYSTEM
    provider = register.create_provider(
        name="measured",
        base_url=base_url,
        by=by,
        egress="internal",
        region="eu",
        zero_retention=True,
        trains_on_data=False,
    )
    deployment = register.create_deployment(
        provider=provider, name="measured", model="measured", clearance=DataClass.RESTRICTED, by=by
    )
    register.set_price(
        deployment=deployment, input_micros_per_million=0, output_micros_per_million=0, by=by
    )
    model_groups.create(name="default", deployments=[deployment], by=by)


@contextmanager
def slow_model(seconds: float) -> Iterator[str]:
    """A process that answers every chat completion after this long. Yields its base address."""
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(seconds, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def _serve(seconds: float, pipe: Any) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or headers and body would be 40 ms apart

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pipe.send(server.server_address[1])
    server.serve_forever()


def wake(executor: Any) -> float:
    """Have it take up the one run that waits. Milliseconds from the claim until it lets go, after the last commit.

    Not looked for: whoever looks every millisecond takes processor and interpreter lock from the executor.
    """
    let_go, is_over = executor._let_go, threading.Event()
    ended = [0.0]

    def noted(lives: Any) -> None:
        let_go(lives)
        ended[0] = time.perf_counter()
        is_over.set()

    with patch.object(executor, "_let_go", noted):
        began = time.perf_counter()
        executor.wake()
        if not is_over.wait(60):
            raise SystemExit("Waited in vain for the end of a run.")
    return (ended[0] - began) * 1000


@contextmanager
def kept_to_one_processor(*, unless: bool) -> Iterator[None]:
    """As a worker is with GROVE_WORKER_PROCESSOR: this process alone, PostgreSQL and models have all of them."""
    from grove_site import processor

    with nullcontext() if unless or sys.platform != "linux" else processor.kept_to_one():
        yield


def options(about: str | None, *, repeat: int) -> argparse.Namespace:
    """Of a measurement that is made in this process: json, repeat, anywhere."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=repeat)
    parser.add_argument("--anywhere", action="store_true", help="on whatever processor is idle")
    return parser.parse_args()


def wait_until(true: Callable[[], bool], seconds: float, every: float = 0.01) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("Waited in vain.")
        time.sleep(every)
