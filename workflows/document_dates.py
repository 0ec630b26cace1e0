"""The day for which somebody asks how things stood: its end in UTC, so that it holds all that happened on it."""

from datetime import UTC, date, datetime, time, timedelta

from django.utils.timezone import now

from workflows.errors import DayInvalid


def read_day(text: str) -> tuple[date | None, datetime | None]:
    """The day and its last moment; nothing for no text. Raises DayInvalid for what is no day, or is still to come."""
    if not text:
        return None, None
    try:
        day = date.fromisoformat(text)
        end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise DayInvalid(f"“{text[:40]}” is not a day. Write it as 2026-11-01.") from None
    if day > now().astimezone(UTC).date():
        raise DayInvalid(f"{day} is still to come. Ask for today, or a day that is over.")
    return day, end - timedelta(microseconds=1)
