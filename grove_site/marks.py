"""How a state, an icon, a time and an amount are printed: without a template, for lists have many of them."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from runs.gantt import to_words

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}

# state -> tone, icon, words
BADGES: dict[str, tuple[str, str, str]] = {
    "queued": ("", "todo", "Queued"),
    "running": ("info", "pulse", "Running"),
    "waiting": ("wait", "pause", "Waiting"),
    "completed": ("ok", "check", "Completed"),
    "completed_with_non_critical_errors": ("warn", "warn", "Completed with non-critical errors"),
    "failed": ("bad", "x", "Failed"),
    "cancelled": ("", "stop", "Cancelled"),
    "disposed": ("", "trash", "Disposed"),
    "skipped": ("", "skip", "Skipped"),
    "interrupted": ("warn", "warn", "Interrupted"),
    "late": ("warn", "clock", "Late, not used"),
    "intended": ("info", "pulse", "On its way"),
    "same": ("ok", "check", "Same"),
    "differs": ("warn", "split", "Differs"),
    "not_reached": ("", "todo", "Not reached"),
    "reused": ("", "copy", "Taken over"),
    "accepted": ("ok", "check", "Accepted"),
    "rejected": ("warn", "redo", "Rejected"),
    "approved": ("ok", "check", "Approved"),
    "refused": ("bad", "x", "Refused"),
    "draft": ("info", "doc", "Draft"),
    "in_review": ("wait", "eye", "In review"),
    "published": ("ok", "check", "Published"),
    "retired": ("", "stop", "Retired"),
    "allow": ("ok", "check", "Allowed"),
    "deny": ("bad", "x", "Denied"),
    "modify": ("info", "lock", "Modified"),
    "require_approval": ("wait", "hand", "Needs approval"),
    "throttle": ("warn", "clock", "Throttled"),
    "active": ("ok", "check", "Active"),
    "suspended": ("warn", "pause", "Suspended"),
    "deleted": ("", "trash", "Deleted"),
    "revoked": ("", "stop", "Revoked"),
    "expired": ("", "clock", "Expired"),
    "expires_soon": ("warn", "clock", "Expires soon"),
    "in_use": ("ok", "check", "In use"),
    "waits": ("wait", "pause", "New version waits"),
    "kept": ("", "copy", "Kept until confirmed"),
    "emptied": ("", "trash", "Emptied"),
    "passed": ("ok", "check", "Passed"),
    "healthy": ("ok", "check", "Healthy"),
    "failing": ("bad", "x", "Failing"),
    "resting": ("warn", "pause", "Resting"),
    "trial": ("warn", "redo", "To be tried again"),
    "idle": ("", "clock", "Idle"),
    "disabled": ("", "pause", "Disabled"),
    "answers": ("ok", "check", "Answered"),
    "denied": ("bad", "x", "Denied"),
    "unavailable": ("warn", "pause", "Refused for now"),
    "in_force": ("ok", "check", "In force"),
    "to_come": ("info", "clock", "To come"),
    "over": ("", "stop", "Over"),
    "price_unknown": ("bad", "x", "Unknown: denied"),
    "open": ("ok", "check", "Open"),
    "near": ("warn", "warn", "Nearly used up"),
    "used_up": ("bad", "x", "Used up"),
    "ended": ("", "stop", "Ended"),
    "notice": ("info", "eye", "Notice"),
    "warning": ("warn", "warn", "Warning"),
    "critical": ("bad", "x", "Critical"),
    "changes_requested": ("warn", "redo", "Changes requested"),
    "request_changes": ("warn", "redo", "Requests changes"),
    "approve": ("ok", "check", "Approves"),
    "lapsed": ("", "clock", "Lapsed"),
    "withdrawn": ("", "undo", "Withdrawn"),
    "sound": ("ok", "check", "Sound"),
    "not_sound": ("bad", "x", "Not sound"),
    "met": ("ok", "check", "There"),
    "look": ("warn", "eye", "Look"),
    "missing": ("bad", "x", "Missing"),
    "low_risk": ("ok", "check", "Low risk"),
    "medium_risk": ("warn", "warn", "Medium risk"),
    "high_risk": ("bad", "warn", "High risk"),
    "current": ("ok", "check", "Signed"),
    "unsigned": ("warn", "warn", "Not signed"),
    "stale": ("warn", "redo", "Changed since signed"),
    "high": ("bad", "warn", "High"),
    "medium": ("warn", "warn", "Medium"),
    "low": ("ok", "check", "Low"),
    "enabled": ("ok", "check", "Enabled"),
    "not_made": ("warn", "pause", "Not made"),
    "lost": ("warn", "warn", "Nobody knows"),
}


def badge(state: str) -> SafeString:
    """A state as icon and word, so that colour is never alone."""
    return _badge(str(state))


@lru_cache(maxsize=256)
def _badge(state: str) -> SafeString:
    tone, picture, words = BADGES.get(state, ("", "todo", words_of(state)))
    classes = f"badge badge--{tone}" if tone else "badge"
    return format_html('<span class="{}">{}{}</span>', classes, icon(picture, "i i--s"), words)


def words_of(state: str) -> str:
    """A state that nobody named is its own word."""
    return BADGES[state][2] if state in BADGES else state.replace("_", " ").capitalize()


@lru_cache(maxsize=512)
def icon(name: str, classes: str = "i") -> SafeString:
    return format_html(
        '<svg class="{}" viewBox="0 0 16 16" aria-hidden="true"><use href="#i-{}"/></svg>',
        classes,
        name,
    )


def money(micros: int | None, currency: str = "EUR") -> str:
    """Integer micro-units as an amount: at least two decimals, at most six, no lost fraction."""
    amount = f"{Decimal(micros or 0) / 1_000_000:.6f}"
    whole, _, fraction = amount.partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0")
    return f"{SIGNS.get(currency, currency + ' ')}{int(whole):,}.{fraction}"


def when(moment: datetime | None) -> SafeString:
    """A time element: how long ago, and the exact time in UTC in its title."""
    if not moment:  # a missing value reaches a filter as ""
        return mark_safe("—")
    return time(moment, _ago(moment))


def time(moment: datetime, words: str) -> SafeString:
    exact = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    title = f"{exact[:10]} {exact[11:19]} UTC"
    return mark_safe(  # noqa: S308 - digits, and words that are escaped
        f'<time datetime="{exact}Z" title="{title}">{escape(words)}</time>'
    )


def _ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < 0:
        return f"in {to_words(-seconds)}"
    if seconds < 5:
        return "just now"
    if seconds < 86_400:
        return f"{to_words(seconds)} ago"
    return localtime(moment).strftime("%-d %b %Y, %H:%M")


def run_seconds(run: Any) -> str:
    """How long a run or an attempt took, or has taken so far."""
    if run.started_at is None:
        return "—"
    return to_words(((run.finished_at or datetime.now(UTC)) - run.started_at).total_seconds())
