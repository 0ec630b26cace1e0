"""Cells that no spreadsheet calculates."""

import csv
import io

import pytest

from tenancy import spreadsheets


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("plain", "plain"),
        (None, ""),
        (True, "yes"),
        (("a", "b"), "a; b"),
        (["=a"], "'=a"),
        (7, "7"),
    ],
)
def test_cells(value: object, cell: str) -> None:
    assert spreadsheets.to_cell(value) == cell


def test_a_table_reads_back() -> None:
    text = spreadsheets.to_csv(("a", "b"), [('say "x"', "two\nlines"), ("1,2", "")])

    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a", "b"],
        ['say "x"', "two\nlines"],
        ["1,2", ""],
    ]


def test_lines_come_one_by_one() -> None:
    lines = spreadsheets.to_lines(iter([("a", "=b"), (["c", "d"], None)]))

    assert next(lines) == "a,'=b\r\n"
    assert next(lines) == "c; d,\r\n"
