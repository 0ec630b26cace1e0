"""Positions of the timeline: bars in their place, waiting as one break, ticks that can be read."""

from datetime import UTC, datetime, timedelta

import pytest

from runs.gantt import Attempt, Timeline, lay_out, to_words

ORIGIN = datetime(2026, 11, 20, 9, 41, 1, tzinfo=UTC)


def attempt(
    node: str, start: float, end: float | None, tone: str = "work", number: int = 1
) -> Attempt:
    return Attempt(
        node_id=node,
        number=number,
        tone=tone,
        started_at=ORIGIN + timedelta(seconds=start),
        finished_at=None if end is None else ORIGIN + timedelta(seconds=end),
    )


def lay(*attempts: Attempt, now: float = 100.0, scale: str = "active") -> Timeline:
    return lay_out(attempts, now=ORIGIN + timedelta(seconds=now), scale=scale)  # type: ignore[arg-type]


def test_nothing_gives_an_empty_timeline() -> None:
    timeline = lay()

    assert (timeline.bars, timeline.ticks, timeline.breaks) == ((), (), ())


def test_bars_lie_where_their_time_lies() -> None:
    timeline = lay(attempt("a", 0, 4), attempt("b", 4, 10))

    assert [(bar.x, bar.width) for bar in timeline.bars] == [(0, 40), (40, 60)]


def test_attempts_are_separate_bars_of_one_node() -> None:
    timeline = lay(attempt("a", 0, 5, "failed"), attempt("a", 5, 10, "model", 2))

    assert [bar.words for bar in timeline.bars_of("a")] == [
        "Attempt 1 failed after 5.0 s",
        "Attempt 2 took 5.0 s",
    ]


def test_a_bar_is_never_too_thin_to_see_and_never_leaves_the_axis() -> None:
    timeline = lay(attempt("a", 0, 100), attempt("b", 100, 100))

    thin = timeline.bars_of("b")[0]
    assert thin.width >= 0.6
    assert thin.x + thin.width <= 100


def test_waiting_for_a_person_is_one_break() -> None:
    timeline = lay(
        attempt("a", 0, 10), attempt("ask", 10, 7210, "waiting"), attempt("b", 7210, 7220)
    )

    assert timeline.active_seconds == 20
    assert timeline.wall_seconds == 7220
    assert [(part.x, part.width, part.words) for part in timeline.breaks] == [(44, 12, "+2 h 00 m")]
    assert timeline.bars_of("ask")[0].width == pytest.approx(12)
    assert timeline.bars_of("b")[0].width == pytest.approx(44)


def test_wall_clock_has_no_break() -> None:
    timeline = lay(attempt("a", 0, 10), attempt("b", 90, 100), scale="wall")

    assert timeline.breaks == ()
    assert timeline.bars_of("b")[0].x == 90


def test_a_short_silence_is_drawn_as_it_is() -> None:
    timeline = lay(attempt("a", 0, 1), attempt("b", 1.5, 2))

    assert timeline.breaks == ()


def test_what_goes_on_ends_now() -> None:
    timeline = lay(attempt("a", 0, None), now=8)

    assert timeline.wall_seconds == 8
    assert timeline.bars[0].words == "Attempt 1 runs since 8.0 s"


def test_only_waiting_fills_the_axis_with_its_break() -> None:
    timeline = lay(attempt("ask", 0, None, "waiting"), now=3600)

    assert timeline.breaks[0].width == 100
    assert timeline.bars[0].width == 100


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (10, ["0", "5 s", "10 s"]),  # whole seconds
        (0.035, ["0", "10 ms", "20 ms", "30 ms"]),  # milliseconds
        (600, ["0", "3 m 20 s", "6 m 40 s", "10 m 00 s"]),  # minutes
    ],
)
def test_ticks_are_round_and_few(seconds: float, ticks: list[str]) -> None:
    timeline = lay(attempt("a", 0, seconds))

    assert [tick.words for tick in timeline.ticks] == ticks


def test_no_tick_lies_under_the_words_of_a_break() -> None:
    timeline = lay(attempt("a", 0, 10), attempt("ask", 10, 7210, "waiting"), now=7210)

    assert all(tick.x <= timeline.breaks[0].x - 10 for tick in timeline.ticks)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.012, "12 ms"),
        (0.4, "0.4 s"),
        (9.94, "9.9 s"),
        (17.0, "17 s"),
        (125, "2 m 05 s"),
        (8040, "2 h 14 m"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_read_like_people_say_them(seconds: float, words: str) -> None:
    assert to_words(seconds) == words


def test_of_many_silences_only_the_longest_are_breaks() -> None:
    timeline = lay(*(attempt("a", start, start + 1) for start in range(0, 3_000, 60)))

    assert len(timeline.breaks) == 12


def test_what_gets_no_bar_counts_as_work_within_what_is_drawn() -> None:
    unseen = [
        (ORIGIN + timedelta(seconds=start), ORIGIN + timedelta(seconds=end))
        for start, end in ((-5, 2), (2, 60), (90, 95))
    ]
    timeline = lay_out(
        [attempt("each", 0, 60, "box"), attempt("last", 60, 61)],
        now=ORIGIN + timedelta(seconds=100),
        unseen=unseen,
    )

    assert timeline.active_seconds == 61
    assert not timeline.breaks
