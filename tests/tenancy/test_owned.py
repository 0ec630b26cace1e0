"""Ids carry their time: what they order, and where a moment begins."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.utils.timezone import now

from tenancy.models import first_id, new_id, new_id_text


def test_a_new_id_lies_between_the_moments_around_it() -> None:
    before = now() - timedelta(milliseconds=1)
    made = new_id()
    after = now() + timedelta(milliseconds=2)

    assert made.version == 7
    assert first_id(before) <= made < first_id(after)


def test_an_id_made_as_text_is_one_and_comes_between_its_neighbours() -> None:
    before, text, after = new_id(), new_id_text(), new_id()

    assert str(uuid.UUID(text)) == text
    assert uuid.UUID(text).version == 7
    assert before < uuid.UUID(text) < after


@pytest.mark.parametrize(
    ("moment", "milliseconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        (datetime(2026, 11, 21, 12, 0, 0, 123_999, tzinfo=UTC), 1_795_262_400_123),  # cut, not rounded
        (datetime(2026, 11, 21, 12, 0, 0, 124_000, tzinfo=UTC), 1_795_262_400_124),
        (datetime(637, 8, 4, tzinfo=UTC), 0),  # before all ids
        (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), 253_402_300_799_999),
    ],
)  # fmt: skip
def test_the_first_id_of_a_moment_has_its_milliseconds_and_no_chance(
    moment: datetime, milliseconds: int
) -> None:
    assert first_id(moment) == uuid.UUID(int=milliseconds << 80)
