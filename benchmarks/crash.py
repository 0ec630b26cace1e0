"""Workers killed at random, and worse: `python -m benchmarks.crash [--kills N] [--seed N] [--only WORDS] [--json]`.

Graphs made at random run on two workers that are killed with SIGKILL and started again: alone, with every message
doubled, with every message lost, with the broker restarted, with PostgreSQL stopped at once and started. After each,
the whole record is read; tests/flows/crash/record.py says what must hold of it.
"""

import argparse
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tests.flows.crash.troubles import TROUBLES, CrashStage

HEADS = (
    "kills",
    "strikes",
    "graphs",
    "runs",
    "attempts",
    "lost",
    "interrupted",
    "late",
    "resumed",
    "rest s",
)


def measure(kills: int, seed: int, only: str, *, migrated: bool = False) -> Iterator[Any]:
    """A row for each trouble."""
    chosen = [trouble for trouble in TROUBLES if only in trouble.name]
    each = max(1, kills // len(chosen))
    with CrashStage(migrated=migrated) as stage:
        from tests.flows.crash.crew import Crew
        from tests.flows.crash.drive import rage
        from tests.flows.crash.graphs import make
        from tests.flows.crash.world import World

        with World(seeded=seed) as world, Crew(stage.state, seeded=seed) as crew:
            for number, trouble in enumerate(chosen):
                graphs = make(max(3, each // 2), seeded=seed + number)
                yield rage(stage, crew, world, trouble, graphs, kills=each, seeded=seed + number)


def show(row: Any) -> None:
    cells = (
        *(row.kills, row.strikes, row.graphs, row.runs, row.nodes, row.lost_attempts),
        *(row.interrupted_calls, row.late_calls, row.resumed, f"{row.rest_seconds:.1f}"),
    )
    numbers = "".join(f"{cell:>12}" for cell in cells)
    print(f"{row.name:28}{numbers}  {len(row.faults)}   {row.statuses}", flush=True)
    for fault in row.faults[:20]:
        print(f"    {fault}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--only", default="", help="troubles whose name has these words")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--migrated", action="store_true", help="on the databases that the tests keep migrated"
    )
    asked = parser.parse_args()
    if not asked.json:
        print(f"seed {asked.seed}")
        print(f"{'':28}" + "".join(f"{head:>12}" for head in HEADS) + "  faults")
    rows = []
    for row in measure(asked.kills, asked.seed, asked.only, migrated=asked.migrated):
        rows.append(row)
        if not asked.json:
            show(row)
    if asked.json:
        print(json.dumps({"seed": asked.seed, "rows": [asdict(row) for row in rows]}, indent=2))
    return int(any(row.faults for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
