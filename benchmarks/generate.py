"""A database of any size to measure on: `python -m benchmarks.generate --runs 1000000 --nodes 10 --into DIR`.

Runs, node executions, events, decisions, calls, facts and claims of a year, as workers would have left them, written by
the owner of the tables with the tenant set. What the rows are is in benchmarks.generated.
"""

import argparse
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import generated
from benchmarks.stage import Stage, make_tenant

BATCH, WRITERS = 10_000, 2
BYTES_PER_EXECUTION = 2_000  # with everything that belongs to it, indexes and a reserve for the log


@dataclass(frozen=True, slots=True)
class Filled:
    """What was written, and how long it took."""

    runs: int
    node_executions: int
    seconds: float


def fill(
    owner_url: str,
    tenant: Any,
    *,
    runs: int,
    nodes: int,
    say: Callable[[str], None] = print,
) -> Filled:
    """Write `runs` runs of `nodes` nodes into this tenant. Its workflows are published first."""
    import psycopg

    from runs.models import NodeExecution
    from tenancy.context import tenant_context

    with tenant_context(tenant):
        versions = generated.freeze(generated.publish_workflows(nodes))
    began, progress = time.perf_counter(), Progress(runs, say)
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [
            pool.submit(_write, owner_url, tenant, versions, range(runs)[first::WRITERS * BATCH], runs, nodes, progress)
            for first in range(0, min(WRITERS * BATCH, runs), BATCH)
        ]  # fmt: skip
        for writer in writers:
            writer.result()
    say("  vacuum and statistics")
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, false)", [str(tenant.pk)])
        connection.execute(generated.USED)
        for table in generated.TABLES:
            connection.execute(f"VACUUM ANALYZE {table}")
    with tenant_context(tenant):
        written = NodeExecution.objects.count()
    return Filled(runs=runs, node_executions=written, seconds=time.perf_counter() - began)


class Progress:
    """Counts what all writers have written, and says it."""

    def __init__(self, runs: int, say: Callable[[str], None]) -> None:
        self.runs, self.say = runs, say
        self.done, self.began, self.lock = 0, time.perf_counter(), threading.Lock()

    def add(self, count: int) -> None:
        with self.lock:
            self.done += count
            rate = self.done / (time.perf_counter() - self.began)
            left = (self.runs - self.done) / rate
            self.say(
                f"  {self.done:,} of {self.runs:,} runs, {rate:,.0f} a second, {left:,.0f} s left"
            )


def _write(
    owner_url: str,
    tenant: Any,
    versions: Sequence[tuple[Any, ...]],
    firsts: range,
    runs: int,
    nodes: int,
    progress: Progress,
) -> None:
    """One writer: a batch of runs from each of these numbers on, a transaction each."""
    import psycopg

    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, false)", [str(tenant.pk)])
        connection.execute("SET synchronous_commit = off")
        generated.prepare(connection, versions)
        for first in firsts:
            count = min(BATCH, runs - first)
            with connection.transaction():
                generated.write(connection, first=first, count=count, runs=runs, nodes=nodes)
            progress.add(count)


# -- the command --------------------------------------------------------------------------------------------------


def check_room(folder: Path, executions: int) -> None:
    """Refuse before the disk is full, and say how much would fit."""
    free, wanted = shutil.disk_usage(folder).free, executions * BYTES_PER_EXECUTION
    if wanted > free * 0.8:
        share = free * 0.8 / wanted
        raise SystemExit(
            f"{executions:,} node executions need about {wanted / 1e9:.0f} GB, and {free / 1e9:.0f} GB are free. "
            f"Ask for {share:.0%} of these runs, or give --into another disk."
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--into", type=Path, required=True, help="a new folder; it stays")
    asked = parser.parse_args()
    if asked.nodes < 4 or asked.runs < 1:
        parser.error("at least one run of four nodes")
    with Stage(keep=asked.into) as stage:
        check_room(stage.state, asked.runs * asked.nodes)
        for name, runs in (("measured", asked.runs), ("neighbour", asked.runs // 20)):
            print(f"Tenant {name}: {runs:,} runs of {asked.nodes} nodes")
            filled = fill(stage.owner_url, make_tenant(name), runs=runs, nodes=asked.nodes)
            print(f"  {filled.node_executions:,} node executions in {filled.seconds:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
