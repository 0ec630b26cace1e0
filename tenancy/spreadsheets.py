"""Tables for spreadsheets (RFC 4180), in which no cell is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The whole table as text. A cell that a spreadsheet would calculate begins with an apostrophe."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\r\n")
    lines.writerow(heads)
    lines.writerows([to_cell(value) for value in row] for row in rows)
    return written.getvalue()


def to_cell(value: object) -> str:
    """Lists become words with semicolons, yes and no are said as such."""
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, list | tuple):
        text = "; ".join(str(each) for each in value)
    else:
        text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text
