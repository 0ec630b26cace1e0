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


def table(
    naps: list[float], naps_mb: list[float], calls_mb: float = 100
) -> list[celery_canvas.Row]:
    return celery_canvas.to_rows(
        celery_canvas.Measured("Celery", [10.0] * len(naps), [60.0] * 9),
        celery_canvas.Measured("naps", naps, naps_mb),
        celery_canvas.Measured("calls", [8.0] * len(naps), [calls_mb]),
    )


@pytest.mark.parametrize(
    ("seconds", "memory_mb", "holds"),
    [
        ([2.0, 2.0, 9.0], [150.0, 180.0], True),  # the median of the shares
        ([2.1, 2.1, 2.1], [150.0, 180.0], False),  # too slow
        ([1.0, 1.0, 1.0], [150.0, 201.0], False),  # one worker too large
    ],
)
def test_grove_is_held_against_celery_turn_by_turn(
    seconds: list[float], memory_mb: list[float], holds: bool
) -> None:
    celery, naps, calls = table(seconds, memory_mb)

    assert (celery.share, celery.memory_of_all_mb, celery.holds) == (1.0, 540, True)
    assert naps.memory_mb == max(memory_mb)
    assert naps.holds is holds
    assert (calls.share, calls.holds) == (0.8, True)  # Celery has nothing to hold against these


def test_model_calls_may_not_take_more_memory_either() -> None:
    assert not table([1.0], [100.0], calls_mb=201)[2].holds


def test_the_table_says_what_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    celery_canvas.show(table([5.0], [100.0]))

    lines = capsys.readouterr().out.splitlines()
    assert "50%" in lines[3]
    assert lines[3].endswith("20% of the time, 200 MB a process: MISSED")
    assert lines[4].endswith("200 MB a process: holds")


def test_memory_is_read_from_the_kernel() -> None:
    import os

    assert os.getpid() in celery_canvas.family_of(os.getpid())
    assert 10 < celery_canvas.peak_mb(os.getpid()) < 10_000
