"""What the measurements say of their numbers. The numbers themselves are measured by hand, on a quiet machine."""

import pytest

from benchmarks import celery_canvas, run_list


def row(execution_ms: float, planning_ms: float = 0) -> run_list.Row:
    return run_list.Row(
        name="runs: first page",
        path="/runs/",
        statements=3,
        execution_ms=execution_ms,
        planning_ms=planning_ms,
        slowest_ms=execution_ms,
        slowest="Index Scan run_by_status",
    )


def test_planning_counts_as_time_of_the_database() -> None:
    assert row(30, 20).holds
    assert not row(30, 20.1).holds


def test_a_plan_is_told_from_the_top_down_with_what_it_reads() -> None:
    plan = {
        "Node Type": "Limit",
        "Plans": [
            {
                "Node Type": "Nested Loop",
                "Plans": [
                    {"Node Type": "Index Scan", "Index Name": "run_by_status", "Relation Name": "runs_run"},
                    {"Node Type": "Seq Scan", "Relation Name": "workflows_workflow"},
                ],
            }
        ],
    }  # fmt: skip

    assert list(run_list.nodes_of(plan)) == [
        "Limit",
        "Nested Loop",
        "Index Scan run_by_status",
        "Seq Scan workflows_workflow",
    ]


def test_what_is_over_the_limit_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    run_list.show([row(1), row(51)])

    lines = capsys.readouterr().out.splitlines()
    assert "MISSED" not in lines[1]
    assert lines[2].endswith("MISSED 50 ms")
    assert lines[3] == "2 answers, 1 over 50 ms of the database's time"


@pytest.mark.parametrize(
    ("ours", "grove_mb", "holds"),
    [
        ([2.0, 2.0, 9.0], [150.0, 180.0], True),  # the median of the shares, not of the times
        ([2.1, 2.1, 2.1], [150.0, 180.0], False),  # too slow
        ([1.0, 1.0, 1.0], [150.0, 201.0], False),  # one worker too large
    ],
)
def test_grove_is_held_against_celery_turn_by_turn(
    ours: list[float], grove_mb: list[float], holds: bool
) -> None:
    celery, grove = celery_canvas.to_rows(ours, [10.0, 10.0, 10.0], grove_mb, [60.0] * 9)

    assert celery.share == 1.0
    assert celery.memory_of_all_mb == 540
    assert grove.memory_mb == max(grove_mb)
    assert grove.holds is holds


def test_the_table_says_what_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    celery_canvas.show(celery_canvas.to_rows([5.0], [10.0], [100.0], [60.0]))

    printed = capsys.readouterr().out
    assert "50%" in printed
    assert printed.splitlines()[-1].endswith("20% of the time, 200 MB a worker: MISSED")


def test_memory_is_read_from_the_kernel() -> None:
    import os

    assert os.getpid() in celery_canvas.family_of(os.getpid())
    assert 10 < celery_canvas.peak_mb(os.getpid()) < 10_000
