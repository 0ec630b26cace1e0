"""Many waiting nodes, beside Celery's own canvas: `python -m benchmarks.celery_canvas [--json] [--repeat N]`.

RUNS runs of NODES nodes of 50 ms, from the first start to the last end, in turns: Celery with chains of tasks that
sleep, on a prefork pool of 8 and the same kind of broker on the same server; Grove on two worker processes with nodes
that sleep; and Grove with governed calls to a model of that speed, which Celery has nothing to hold against.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
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


def chain_of(kind: str) -> str:
    """Input, NODES nodes of 50 ms in a row, output."""
    text = chain(NODES, "llm" if kind == "llm" else "transform")
    return text.replace("kind: transform", f"kind: nap, milliseconds: {SLOW_MS}").replace(
        ", expression: '{n: start.n}'", ""
    )


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
    other = Run.objects.exclude(status="completed").values_list("status", "error_code")
    if other:
        raise SystemExit(f"Some runs did not complete: {dict(Counter(other))}")
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


@dataclass
class Measured:
    """Seconds of each turn, and what each process ever had resident."""

    name: str
    seconds: list[float]
    memory_mb: list[float]


def measure(repeat: int) -> list[Row]:
    with Stage() as stage, slow_model(SLOW_MS / 1000) as model_url:
        import benchmarks.napping  # noqa: F401 - the kind is needed here, too, to publish
        from tenancy.context import tenant_context

        naps: list[float] = []
        canvas: list[float] = []
        with tenant_context(make_tenant("measured")):
            add_model(model_url)
            napping, calling = publish(chain_of("nap")), publish(chain_of("llm"))
            with stage.workers(2, app="benchmarks.napping") as workers, celery_pool(stage) as pool:
                time_grove(napping)  # warm: definitions, connections
                for _ in range(repeat):
                    canvas.append(time_canvas(stage.state / "ends"))
                    naps.append(time_grove(napping))
                after_naps = [peak_mb(worker.pid) for worker in workers]
                calls = [time_grove(calling) for _ in range(repeat)]
                after_calls = [peak_mb(worker.pid) for worker in workers]
                celery_mb = [peak_mb(pid) for pid in family_of(pool.pid)]
    return to_rows(
        Measured(f"Celery's canvas, prefork pool of {POOL}", canvas, celery_mb),
        Measured("Grove, 2 workers, nodes that sleep", naps, after_naps),
        Measured("Grove, 2 workers, model calls", calls, after_calls),
    )


def to_rows(celery: Measured, naps: Measured, calls: Measured) -> list[Row]:
    """The table: each turn's share is taken by itself, then the median. Who does the same work has a limit of time."""
    rows = []
    for measured in (celery, naps, calls):
        share = statistics.median(
            ours / theirs for ours, theirs in zip(measured.seconds, celery.seconds, strict=True)
        )
        most, is_grove = max(measured.memory_mb), measured is not celery
        limits = [f"{SHARE_LIMIT:.0%} of the time"] if measured is naps else []
        limits += [f"{MEMORY_LIMIT_MB:.0f} MB a process"] if is_grove else []
        rows.append(
            Row(
                name=measured.name,
                processes=len(measured.memory_mb),
                seconds=statistics.median(measured.seconds),
                share=share,
                memory_mb=most,
                memory_of_all_mb=sum(measured.memory_mb),
                limit=", ".join(limits),
                holds=(share <= SHARE_LIMIT or measured is not naps)
                and (most <= MEMORY_LIMIT_MB or not is_grove),
            )
        )
    return rows


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
