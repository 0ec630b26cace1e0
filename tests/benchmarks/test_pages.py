"""The benchmark of pages: what it calls a miss, and which files it counts."""

import pytest

from benchmarks import pages


def make_row(**fields: float) -> pages.Row:
    usual = {"statements": 5, "cpu_ms": 9.0, "median_ms": 10.0, "p95_ms": 20.0}
    values = usual | {"first_load_bytes": 100_000} | fields
    return pages.Row(name="runs", path="/runs/", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({}, True),
        ({"p95_ms": 100.0}, True),
        ({"p95_ms": 100.1}, False),
        ({"first_load_bytes": 150_000}, True),
        ({"first_load_bytes": 150_001}, False),
    ],
)
def test_page_holds_both_limits_or_is_missed(
    capsys: pytest.CaptureFixture[str], fields: dict[str, float], holds: bool
) -> None:
    row = make_row(**fields)

    pages.show([row])

    shown = capsys.readouterr().out
    assert row.holds is holds
    assert ("MISSED" in shown) is not holds
    assert f"1 pages, {int(not holds)} over" in shown


def test_styles_and_scripts_of_a_page_are_counted_once() -> None:
    page = (
        '<link rel="stylesheet" href="/static/css/ui.css"><script src="/static/js/app.js"></script>'
    )

    once, twice = pages._size_of_assets(page), pages._size_of_assets(page * 2)

    assert once == twice > 10_000
    assert pages._size_of_assets("<p>nothing</p>") == 0
    with pytest.raises(SystemExit, match="lies nowhere"):
        pages._size_of_assets('<script src="/static/js/gone.js"></script>')
