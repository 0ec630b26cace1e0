"""Workers killed at random over graphs made at random, and worse: each trouble with two kills over three graphs.

The long form, in numbers: `python -m benchmarks.crash --kills 200`.

CRASH_KILLS says how many workers are killed in all, CRASH_SEED repeats an earlier run.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.flows.crash.troubles import TROUBLES

ROOT = Path(__file__).resolve().parent.parent.parent
KILLS = os.environ.get("CRASH_KILLS", "10")
SECONDS = 1_200 + 3 * int(KILLS)  # it takes two minutes where nothing else is done


@pytest.fixture(scope="module")
def report() -> Mapping[str, Any]:
    """What became of each trouble: in a process and on servers of its own, since the servers are stopped, too."""
    seed = os.environ.get("CRASH_SEED") or str(secrets.randbelow(10**6))
    print(f"CRASH_SEED={seed}")
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.crash", "--migrated", "--json"),
            *("--kills", KILLS, "--seed", seed),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=SECONDS,
    )
    assert ended.stdout.strip(), f"CRASH_SEED={seed}: {ended.stderr[-3000:]}"
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@pytest.mark.parametrize("trouble", [trouble.name for trouble in TROUBLES])
def test_nothing_is_lost_and_nothing_is_done_twice_when(
    trouble: str, report: Mapping[str, Any]
) -> None:
    row = next(row for row in report["rows"] if row["name"] == trouble)

    assert not row["faults"], "\n".join([f"CRASH_SEED={report['seed']}", *row["faults"]])
    assert row["kills"] > 0
    assert row["runs"] > row["graphs"]
