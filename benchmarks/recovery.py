"""How soon a run goes on after its worker is killed: `python -m benchmarks.recovery [--json] [--repeat N]`.

`kill -9` in the middle of a node and between two nodes, with a second worker waiting. The time is
from the kill to the next node's start on record. No node that had finished may run again.
"""

import argparse
import json
import os
import signal
import statistics
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.run_overhead import chain
from benchmarks.stage import Stage, add_model, make_tenant, publish, slow_model, wait_until

LIMIT_SECONDS = 2.0
NODES = 6


@dataclass
class Row:
    name: str
    seconds: float
    worst_seconds: float
    repeated_nodes: int
    limit_seconds: float
    holds: bool


def kill_once(stage: Stage, version: Any, in_the_middle: bool) -> tuple[float, int]:
    """Seconds from the kill to the next node's start, and how many finished nodes ran twice (must be 0)."""
    from runs import start
    from runs.models import NodeExecution, Run, RunClaim, Worker
    from tenancy import actors

    with stage.workers(2):
        run = start.start(version=version, run_input={"n": 1}, by=actors.SYSTEM)
        rows = NodeExecution.objects.filter(run=run, kind="llm")
        if in_the_middle:
            wait_until(lambda: rows.filter(node_id="n2", status="running").exists(), 30)
        else:
            wait_until(lambda: rows.filter(node_id="n2", status="completed").exists(), 30, 0.001)
        claim = RunClaim.objects.get(run_id=run.pk)
        done_before = set(rows.filter(status="completed").values_list("node_id", flat=True))
        seen = rows.count()
        os.kill(Worker.objects.get(pk=claim.worker_id).pid, signal.SIGKILL)
        killed = time.perf_counter()
        wait_until(lambda: rows.count() > seen, 60, 0.005)
        seconds = time.perf_counter() - killed
        wait_until(lambda: Run.objects.get(pk=run.pk).is_terminal, 60)
        status = Run.objects.get(pk=run.pk).status
        if status != "completed":
            raise SystemExit(f"The run ended {status}.")
        attempts = Counter(rows.values_list("node_id", flat=True))
    return seconds, sum(1 for node in done_before if attempts[node] > 1)


def measure(repeat: int) -> list[Row]:
    with Stage() as stage, slow_model(0.3) as model_url:
        from tenancy.context import tenant_context

        with tenant_context(make_tenant("measured")):
            add_model(model_url)
            version = publish(chain(NODES, "llm"))
            rows = []
            for name, middle in (("in the middle of a node", True), ("between two nodes", False)):
                results = [kill_once(stage, version, middle) for _ in range(repeat)]
                seconds = [result[0] for result in results]
                repeated = sum(result[1] for result in results)
                rows.append(
                    Row(
                        name=f"kill -9 {name}",
                        seconds=statistics.median(seconds),
                        worst_seconds=max(seconds),
                        repeated_nodes=repeated,
                        limit_seconds=LIMIT_SECONDS,
                        holds=statistics.median(seconds) <= LIMIT_SECONDS and not repeated,
                    )
                )
            return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    rows = measure(asked.repeat)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(f"{'':34} {'median s':>9} {'worst s':>8} {'repeated':>9}  limit")
        for row in rows:
            print(
                f"{row.name:34} {row.seconds:9.2f} {row.worst_seconds:8.2f} {row.repeated_nodes:9d}  "
                f"{row.limit_seconds} s, 0 repeated: {'holds' if row.holds else 'MISSED'}"
            )
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
