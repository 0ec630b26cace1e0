"""The benchmark of pages: what it calls a miss, and which files it counts."""

import gzip
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse

from benchmarks import pages


def make_row(**fields: float) -> pages.Row:
    usual = {"statements": 5, "cpu_ms": 9.0, "median_ms": 10.0, "p95_ms": 20.0}
    values = usual | {"sent_bytes": 100_000, "unpacked_bytes": 400_000} | fields
    return pages.Row(name="runs", path="/runs/", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({}, True),
        ({"p95_ms": 100.0}, True),
        ({"p95_ms": 100.1}, False),
        ({"sent_bytes": 150_000}, True),
        ({"sent_bytes": 150_001}, False),
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


class FakeBrowser:
    """Answers with a page, compressed where that is accepted, and with a file of 1,000 bytes or half of it."""

    def __init__(self, page: str, status: int = 200) -> None:
        self.page, self.status = page.encode(), status

    def get(self, path: str, headers: dict[str, str]) -> Any:
        packed = headers["accept-encoding"] == "gzip"
        if path.startswith("/static/"):
            parts = [b"." * 250] * (2 if packed else 4)
            return SimpleNamespace(status_code=self.status, streaming_content=parts)
        answer = HttpResponse(gzip.compress(self.page) if packed else self.page)
        if packed:
            answer["Content-Encoding"] = "gzip"
        return answer


LINKS = '<link rel="stylesheet" href="/static/css/ui.css"><script src="/static/js/app.js"></script>'


def test_page_and_each_of_its_files_count_once_as_they_are_sent() -> None:
    browser = FakeBrowser(LINKS * 20)

    unpacked = pages.first_load(browser, "/", "identity")
    sent = pages.first_load(browser, "/", "gzip")

    assert unpacked == 20 * len(LINKS) + 2 * 1000
    assert 2 * 500 < sent < 2 * 500 + len(LINKS) * 2


def test_a_file_that_is_named_and_lies_nowhere_stops_the_measurement() -> None:
    with pytest.raises(SystemExit, match="lies nowhere"):
        pages.first_load(FakeBrowser(LINKS, status=404), "/", "identity")
