"""A line of 24 hours, drawn on the server: values as the paths of a small picture, and the same in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 76
HEIGHT: Final = 22
MARGIN: Final = 2  # above the highest value and below the lowest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """SVG path data in a box of WIDTH by HEIGHT; where there is no value, there is no line. Empty without any."""

    line: str
    area: str
    words: str


def of_latency(values: Sequence[int | None]) -> Sparkline:
    """Milliseconds by hour, the oldest first."""
    known = [value for value in values if value is not None]
    if not known:
        return Sparkline(line="", area="", words="No answers in 24 hours")
    highest = max(known) or 1
    step = WIDTH / max(1, len(values) - 1)
    pieces = [
        [(round(place * step, 1), _height_of(value, highest)) for place, value in piece]
        for piece in _pieces(values)
    ]
    words = f"p95 by hour: from {min(known):,} to {max(known):,} ms, {known[-1]:,} ms last"
    return Sparkline(
        line="".join(_line(piece) for piece in pieces),
        area="".join(_area(piece) for piece in pieces),
        words=words,
    )


def _pieces(values: Sequence[int | None]) -> list[list[tuple[int, int]]]:
    """Neighbours that have a value, with their places."""
    pieces: list[list[tuple[int, int]]] = []
    goes_on = False
    for place, value in enumerate(values):
        if value is not None:
            if not goes_on:
                pieces.append([])
            pieces[-1].append((place, value))
        goes_on = value is not None
    return pieces


def _height_of(value: int, highest: int) -> float:
    return round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * value / highest, 1)


def _line(points: Sequence[tuple[float, float]]) -> str:
    """A single point is a short stroke, or nobody would see it."""
    (x, y), *rest = points
    return f"M{x} {y}" + ("".join(f"L{x} {y}" for x, y in rest) or "h1.5")


def _area(points: Sequence[tuple[float, float]]) -> str:
    first, last = points[0][0], points[-1][0]
    return f"{_line(points)}L{last} {HEIGHT}L{first} {HEIGHT}Z" if len(points) > 1 else ""
