"""Moments as they are written, and what is none."""

from datetime import UTC, datetime

import pytest

from tenancy.moments import find_moment

NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T09:00:00Z", NINE),
        ("2026-11-21T09:00:00.000Z", NINE),
        ("2026-11-21T10:00:00+01:00", NINE),
        ("2026-11-21T10:00:00 01:00", NINE),  # an address with its + not escaped
        ("2026-11-22T04:33:00+19:33", NINE),  # a zone that PostgreSQL does not know
        ("2026-11-21T09:00", NINE.replace(tzinfo=None)),
        ("2026-11-21 09:00", NINE.replace(tzinfo=None)),
        ("2026-11-21", NINE.replace(hour=0, tzinfo=None)),
        ("2026-13-21T09:00:00Z", None),
        ("0001-01-01T00:00:00+10:00", None),  # before the first year
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_moment_is_read_into_utc(text: str, moment: datetime | None) -> None:
    assert find_moment(text) == moment
