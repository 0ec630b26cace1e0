"""Attempts over time as bars: positions in per cent, for `templates/ui/_timeline.html`. Pure.

On the "active" axis a time in which nothing worked (a person was asked, nobody had resumed yet)
is one marked break of fixed width, so that seconds of work stay readable beside hours of waiting.
"wall" shows the clock as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Scale = Literal["active", "wall"]
Moments = tuple[datetime, datetime]

BREAK_PERCENT = 12.0
BREAKS_PERCENT_AT_MOST = 40.0
BREAKS_AT_MOST = 12  # of more the longest
BREAK_FROM_SECONDS = 2.0  # a shorter silence is drawn as it is
BREAK_FROM_SHARE = 0.25  # as a share of the active time
BAR_PERCENT_AT_LEAST = 0.6
STEPS = (1, 2, 5)
TICKS_AT_MOST = 4  # and the zero
TICK_PERCENT = 15.0  # what the words at a break cover before it
QUIET = ("waiting", "box")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a node, as the timeline needs it. `finished_at` is None while it goes on."""

    node_id: str
    number: int
    tone: str  # work, model, tool, failed, waiting, box (a container: what is inside of it works)
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    node_id: str
    tone: str
    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    x: float
    words: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    breaks: tuple[Break, ...]
    active_seconds: float
    wall_seconds: float

    def bars_of(self, node_id: str) -> tuple[Bar, ...]:
        return tuple(bar for bar in self.bars if bar.node_id == node_id)


Span = tuple[float, float]


def lay_out(
    attempts: Sequence[Attempt],
    *,
    now: datetime,
    scale: Scale = "active",
    unseen: Sequence[Moments] = (),
) -> Timeline:
    """Bars, ticks and breaks. `unseen`: when attempts worked that get no bar. Without attempts everything is empty."""
    if not attempts:
        return Timeline(bars=(), ticks=(), breaks=(), active_seconds=0.0, wall_seconds=0.0)
    origin = min(attempt.started_at for attempt in attempts)
    spans = [_span(attempt, origin, now) for attempt in attempts]
    wall = max(end for _, end in spans)
    working = [
        span for span, attempt in zip(spans, attempts, strict=True) if attempt.tone not in QUIET
    ]
    silences = _silences([*working, *_within(unseen, origin, wall)], wall)
    active = wall - sum(end - start for start, end in silences)
    shown = _worth_a_break(silences, active) if scale == "active" else []
    place = _placer(shown, wall)
    return Timeline(
        bars=tuple(
            _bar(attempt, span, place) for attempt, span in zip(attempts, spans, strict=True)
        ),
        ticks=_ticks(shown, wall, place),
        breaks=tuple(
            Break(
                x=_round(place(start)),
                width=_round(place(end) - place(start)),
                words=f"+{to_words(end - start)}",
            )
            for start, end in shown
        ),
        active_seconds=active,
        wall_seconds=wall,
    )


def to_words(seconds: float) -> str:
    """0.4 s, 17 s, 2 m 05 s, 2 h 14 m, 3 d 4 h."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def _span(attempt: Attempt, origin: datetime, now: datetime) -> Span:
    start = (attempt.started_at - origin).total_seconds()
    end = ((attempt.finished_at or now) - origin).total_seconds()
    return start, max(start, end)


def _within(unseen: Iterable[Moments], origin: datetime, wall: float) -> Iterator[Span]:
    for begun, ended in unseen:
        start, end = (begun - origin).total_seconds(), (ended - origin).total_seconds()
        if start < wall:
            yield max(0.0, start), min(wall, max(0.0, end))


def _silences(working: Iterable[Span], wall: float) -> list[Span]:
    """The times in which no attempt worked."""
    silences, reached = [], 0.0
    for start, end in sorted(working):
        if start > reached:
            silences.append((reached, start))
        reached = max(reached, end)
    if wall > reached:
        silences.append((reached, wall))
    return silences


def _worth_a_break(silences: list[Span], active: float) -> list[Span]:
    least = max(BREAK_FROM_SECONDS, BREAK_FROM_SHARE * active)
    longest = sorted(silences, key=lambda silence: silence[0] - silence[1])[:BREAKS_AT_MOST]
    return sorted((start, end) for start, end in longest if end - start >= least)


def _placer(breaks: Sequence[Span], wall: float) -> Callable[[float], float]:
    """From a second of the run to a per cent of the axis."""
    each = min(BREAK_PERCENT, BREAKS_PERCENT_AT_MOST / max(1, len(breaks)))
    drawn = wall - sum(end - start for start, end in breaks)
    # All silence and no work: the breaks share the whole axis.
    rate = (100.0 - each * len(breaks)) / drawn if drawn > 0 else 0.0
    if not rate and breaks:
        each = 100.0 / len(breaks)

    def place(second: float) -> float:
        percent = second * rate
        for start, end in breaks:
            passed = min(max(second - start, 0.0), end - start)
            percent += passed / (end - start) * each - passed * rate
        return percent

    return place


def _bar(attempt: Attempt, span: Span, place: Callable[[float], float]) -> Bar:
    start, end = place(span[0]), place(span[1])
    width = max(BAR_PERCENT_AT_LEAST, end - start)
    verb = _verb(attempt)
    return Bar(
        node_id=attempt.node_id,
        tone=attempt.tone,
        x=_round(min(start, 100.0 - width)),
        width=_round(width),
        words=f"Attempt {attempt.number} {verb} {to_words(span[1] - span[0])}",
    )


def _verb(attempt: Attempt) -> str:
    if attempt.tone == "waiting":
        return "waits since" if attempt.finished_at is None else "waited"
    if attempt.finished_at is None:
        return "runs since"
    return "failed after" if attempt.tone == "failed" else "took"


def _ticks(
    breaks: Sequence[Span], wall: float, place: Callable[[float], float]
) -> tuple[Tick, ...]:
    """Round seconds of the drawn time up to the first break; a break carries its own words."""
    end = breaks[0][0] if breaks else wall
    step = _step(end)
    if not step:
        return ()
    room = place(end) - TICK_PERCENT if breaks else 100.0
    seconds = [step * number for number in range(int(end / step) + 1)]
    return tuple(
        Tick(
            x=_round(place(second)),
            words=_tick_words(second),
            anchor="start" if not second else ("end" if place(second) > 96 else "middle"),
        )
        for second in seconds
        if not second or place(second) <= room
    )


def _step(seconds: float) -> float:
    """The smallest round step that needs no more ticks than allowed."""
    if seconds <= 0:
        return 0.0
    power = 0.001
    while True:
        for factor in STEPS:
            if seconds / (factor * power) < TICKS_AT_MOST:
                return float(f"{factor * power:g}")
        power *= 10


def _tick_words(seconds: float) -> str:
    if not seconds:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    if seconds < 120:
        return f"{seconds:g} s"
    return to_words(seconds)


def _round(number: float) -> float:
    return round(number + 0.0, 2)
