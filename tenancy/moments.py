"""Moments as people and programs write them (RFC 3339), read into UTC."""

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime


def find_moment(text: str) -> datetime | None:
    """The moment in UTC; without a zone when none was written; None for what is not a moment. A date is its midnight.

    A `+` that an address turned into a space is one again.
    """
    written = text.replace(" ", "+") if "T" in text else text
    try:
        moment = parse_datetime(written)
        if moment is None or moment.tzinfo is None:
            return moment
        return moment.astimezone(UTC)  # PostgreSQL knows no zone 16 hours away
    except (ValueError, OverflowError):
        return None
