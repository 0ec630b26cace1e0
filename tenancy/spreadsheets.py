"""Tables for spreadsheets (RFC 4180), in which no cell is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The whole table as text. A cell that a spreadsheet would calculate begins with an apostrophe."""
    return "".join(to_lines([heads, *rows]))


def to_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines one by one, for a table that is too long to be held."""
    for row in rows:
        written = io.StringIO()
        csv.writer(written, lineterminator="\r\n").writerow([to_cell(value) for value in row])
        yield written.getvalue()


def to_cell(value: object) -> str:
    """Lists become words with semicolons, yes and no are said as such."""
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, list | tuple):
        text = "; ".join(str(each) for each in value)
    else:
        text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text
