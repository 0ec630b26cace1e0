"""Many waiting nodes, beside Celery's own canvas: `python -m benchmarks.celery_canvas [--json] [--repeat N]`.

RUNS runs of NODES nodes of 50 ms. Grove: model calls to a server of that speed on two worker processes, with everything
on. Celery: chains of as many tasks that sleep as long, on a prefork pool of 8 and the same kind of broker on the same
server. From the first start to the last end, in turns.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.run_overhead import chain
from benchmarks.stage import ROOT, Stage, add_model, make_tenant, publish, slow_model, wait_until

RUNS, NODES, SLOW_MS = 200, 10, 50
POOL = 8
SHARE_LIMIT, MEMORY_LIMIT_MB = 0.2, 200.0


@dataclass
class Row:
    """One line of the table. `share` is of the time that Celery took in the same turn."""

    name: str
    processes: int
    seconds: float
    share: float
    memory_mb: float  # the most that one process ever had resident
    memory_of_all_mb: float
    limit: str
    holds: bool


# -- Celery -------------------------------------------------------------------------------------------------------


@contextmanager
def celery_pool(stage: Stage) -> Iterator[Any]:
    """A Celery worker with a prefork pool of POOL; it is ready when this yields."""
    from grove_site.embedded import processes

    ends = stage.state / "ends"
    ends.touch()
    os.environ["CANVAS_ENDS"] = str(ends)
    log = stage.state / "canvas.log"
    arguments = (
        *(sys.executable, "-m", "celery", "--app", "benchmarks.canvas_tasks", "worker"),
        *("--pool", "prefork", "--concurrency", str(POOL), "--loglevel", "INFO"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    with log.open("wb") as stream:
        worker = processes.spawn(arguments, env=dict(os.environ), cwd=ROOT, output=stream.fileno())
    try:
        wait_until(lambda: "ready." in log.read_text(errors="replace"), 60)
        yield worker
    finally:
        worker.terminate()
        worker.wait(30)


def time_canvas(ends: Path) -> float:
    """Seconds from the first chain that is sent to the end of the last."""
    from celery import chain as canvas

    from benchmarks.canvas_tasks import end, nap

    before = ends.stat().st_size
    began = time.perf_counter()
    for number in range(RUNS):
        canvas(nap.s(number), *(nap.s() for _ in range(NODES - 2)), end.s()).apply_async()
    wait_until(lambda: ends.stat().st_size >= before + RUNS, 300, 0.02)
    return time.perf_counter() - began


# -- Grove --------------------------------------------------------------------------------------------------------


def time_grove(version: Any) -> float:
    """Seconds from the first run that is started to the end of the last."""
    from runs import start
    from runs.models import TERMINAL, Run
    from tenancy import actors

    ended = Run.objects.filter(status__in=TERMINAL)
    before = ended.count()
    began = time.perf_counter()
    for number in range(RUNS):
        start.start(version=version, run_input={"n": number}, by=actors.SYSTEM)
    wait_until(lambda: ended.count() >= before + RUNS, 300, 0.02)
    seconds = time.perf_counter() - began
    if Run.objects.exclude(status="completed").exists():
        raise SystemExit("Some runs did not complete.")
    return seconds


# -- memory -------------------------------------------------------------------------------------------------------


def peak_mb(pid: int) -> float:
    """The most memory that a process ever had resident, as the kernel counts it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def family_of(pid: int) -> list[int]:
    """A process and its children's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in listed for one in family_of(int(child)))]


# -- the command --------------------------------------------------------------------------------------------------


def measure(repeat: int) -> list[Row]:
    with Stage() as stage, slow_model(SLOW_MS / 1000) as model_url:
        from tenancy.context import tenant_context

        with tenant_context(make_tenant("measured")):
            add_model(model_url)
            version = publish(chain(NODES, "llm"))
            ours: list[float] = []
            theirs: list[float] = []
            with stage.workers(2) as workers, celery_pool(stage) as pool:
                time_grove(version)  # warm: definitions, connections
                for _ in range(repeat):
                    theirs.append(time_canvas(stage.state / "ends"))
                    ours.append(time_grove(version))
                grove_mb = [peak_mb(worker.pid) for worker in workers]
                celery_mb = [peak_mb(pid) for pid in family_of(pool.pid)]
    return to_rows(ours, theirs, grove_mb, celery_mb)


def to_rows(
    ours: list[float], theirs: list[float], grove_mb: list[float], celery_mb: list[float]
) -> list[Row]:
    """The table: each turn's share is taken by itself, then the median."""
    share = statistics.median(o / t for o, t in zip(ours, theirs, strict=True))
    return [
        Row(
            name=f"Celery's canvas, prefork pool of {POOL}",
            processes=len(celery_mb),
            seconds=statistics.median(theirs),
            share=1.0,
            memory_mb=max(celery_mb),
            memory_of_all_mb=sum(celery_mb),
            limit="",
            holds=True,
        ),
        Row(
            name=f"Grove, {len(grove_mb)} worker processes",
            processes=len(grove_mb),
            seconds=statistics.median(ours),
            share=share,
            memory_mb=max(grove_mb),
            memory_of_all_mb=sum(grove_mb),
            limit=f"{SHARE_LIMIT:.0%} of the time, {MEMORY_LIMIT_MB:.0f} MB a worker",
            holds=share <= SHARE_LIMIT and max(grove_mb) <= MEMORY_LIMIT_MB,
        ),
    ]


def show(rows: list[Row]) -> None:
    print(f"{RUNS} runs of {NODES} nodes of {SLOW_MS} ms")
    print(f"{'':38} {'procs':>5} {'s':>7} {'share':>6} {'MB most':>8} {'MB all':>7}  limit")
    for row in rows:
        says = f"{row.limit}: {'holds' if row.holds else 'MISSED'}" if row.limit else ""
        print(
            f"{row.name:38} {row.processes:5d} {row.seconds:7.2f} {row.share:6.0%} {row.memory_mb:8.0f} "
            f"{row.memory_of_all_mb:7.0f}  {says}".rstrip()
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    rows = measure(asked.repeat)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        show(rows)
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
