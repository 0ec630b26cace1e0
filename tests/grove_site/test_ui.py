"""What templates print: times with UTC, JSON that cannot break out."""

from datetime import UTC, datetime, timedelta

import pytest

from grove_site import marks
from grove_site.templatetags import ui


def test_time_says_how_long_ago_and_utc() -> None:
    moment = datetime.now(UTC) - timedelta(hours=2, minutes=14)

    shown = marks.when(moment)

    assert ">2 h 14 m ago</time>" in shown
    assert f'title="{moment:%Y-%m-%d %H:%M:%S} UTC"' in shown


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_time_is_a_dash(nothing: None) -> None:
    assert marks.when(nothing) == ui.utc(nothing) == ui.utc_clock(nothing) == "—"


def test_json_tells_keys_from_texts() -> None:
    shown = ui.as_json({"name": "value", "number": 3, "none": None})

    assert '<span class="k">&quot;name&quot;</span>' in shown
    assert '<span class="s">&quot;value&quot;</span>' in shown
    assert '<span class="d">3</span>' in shown
    assert '<span class="d">null</span>' in shown


@pytest.mark.parametrize(
    "value",
    [
        "<script>alert(1)</script>",  # a tag
        '"><img src=x onerror=y>',  # out of an attribute
        "a\\",  # a backslash before the closing quote
        {"<b>": ["<i>"]},  # in a key, in a list
    ],
)
def test_json_cannot_break_out(value: object) -> None:
    shown = ui.as_json(value)

    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>" not in shown
    assert "<i>" not in shown


def test_too_much_json_is_cut_and_says_so() -> None:
    shown = ui.as_json("x" * (ui.SHOWN_AT_MOST + 10))

    assert len(shown) < ui.SHOWN_AT_MOST + 200
    assert "Cut here" in shown


@pytest.mark.parametrize(
    ("name", "letters"), [("Ann Author", "AA"), ("bob@example.org", "BE"), ("", "?")]
)
def test_initials(name: str, letters: str) -> None:
    assert ui.initials(name) == letters
