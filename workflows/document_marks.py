"""The signs of markdown, and texts that hold none of them. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

NOT_SAID = "*Not said yet.*"


def plain(text: str) -> str:
    """A text with nothing in it that markdown or HTML would take for a sign, on one line."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(re.sub(r"([\\`*_{}\[\]#|!])", r"\\\1", escaped).split())


def prose(text: str) -> str:
    """Paragraphs, or that nothing was said."""
    paragraphs = (plain(each) for each in re.split(r"\n\s*\n", text))
    return "\n\n".join(each for each in paragraphs if each) or NOT_SAID


def moment(at: datetime | None) -> str:
    """In UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "–"


def fenced(text: str) -> str:
    """A text as it is, in a fence longer than any within it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are markdown already."""
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(' --- ' for _ in heads)}|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)
