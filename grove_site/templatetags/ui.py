"""How Grove prints times, money, durations, states and JSON.

Small on purpose: what may be seen is the view's business.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from compliance.labels import DataClass
from grove_site import navigation as links
from grove_site import notifications
from grove_site.keys import KEYS
from runs.gantt import to_words
from tenancy.access import can
from tenancy.permissions import Permission

register = template.Library()

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


@register.simple_tag
def badge(state: str) -> SafeString:
    """A state as icon and word, so that colour is never alone. Lists have many: it is made without a template."""
    tone, picture, words = BADGES.get(
        str(state), ("", "todo", str(state).replace("_", " ").capitalize())
    )
    classes = f"badge badge--{tone}" if tone else "badge"
    return format_html('<span class="{}">{}{}</span>', classes, icon(picture, "i i--s"), words)


@register.filter
def state_words(state: str) -> str:
    return BADGES[state][2] if state in BADGES else str(state).replace("_", " ").capitalize()


@register.simple_tag
def icon(name: str, classes: str = "i") -> SafeString:
    return format_html(
        '<svg class="{}" viewBox="0 0 16 16" aria-hidden="true"><use href="#i-{}"/></svg>',
        classes,
        name,
    )


@register.filter
def when(moment: datetime | None) -> SafeString:
    """A time element: how long ago, and the exact time in UTC in its title."""
    if not moment:  # a missing value reaches a filter as ""
        return mark_safe("—")
    return _time(moment, _ago(moment))


@register.filter
def utc(moment: datetime | None) -> SafeString:
    """A time element that shows date and time: in UTC, or in the time zone that the reader chose."""
    if not moment:  # a missing value reaches a filter as ""
        return mark_safe("—")
    return _time(moment, localtime(moment).strftime("%-d %b %Y, %H:%M:%S %Z"))


@register.filter
def utc_clock(moment: datetime | None) -> SafeString:
    """Only the time of day, to the millisecond, for lists of one run."""
    if not moment:  # a missing value reaches a filter as ""
        return mark_safe("—")
    return _time(moment, localtime(moment).strftime("%H:%M:%S.%f")[:-3])


def _time(moment: datetime, words: str) -> SafeString:
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        exact.strftime("%Y-%m-%d %H:%M:%S UTC"),
        words,
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


@register.filter
def duration(seconds: float | None) -> str:
    return "—" if seconds is None else to_words(seconds)


@register.simple_tag
def money(micros: int | None, currency: str = "EUR") -> str:
    """Integer micro-units as an amount: at least two decimals, at most six, no lost fraction."""
    amount = f"{Decimal(micros or 0) / 1_000_000:.6f}"
    whole, _, fraction = amount.partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0")
    return f"{SIGNS.get(currency, currency + ' ')}{int(whole):,}.{fraction}"


@register.filter
def count(number: int | None) -> str:
    return f"{number or 0:,}"


@register.filter
def tone(state: str) -> str:
    return BADGES[state][0] if state in BADGES else ""


@register.filter
def state_icon(state: str) -> str:
    return BADGES[state][1] if state in BADGES else "todo"


@register.simple_tag
def run_seconds(run: Any) -> str:
    """How long a run or an attempt took, or has taken so far."""
    if run.started_at is None:
        return "—"
    return to_words(((run.finished_at or datetime.now(UTC)) - run.started_at).total_seconds())


register.simple_tag(run_seconds, name="node_seconds")


@register.simple_tag(takes_context=True)
def with_cursor(context: template.Context, cursor: str) -> str:
    """This address with another cursor: filters stay."""
    query = context["request"].GET.copy()
    query["cursor"] = cursor
    return f"?{query.urlencode()}"


@register.filter
def lines(problems: Any) -> set[int]:
    """The numbers of the lines that problems name."""
    return {problem.line if hasattr(problem, "line") else problem["line"] for problem in problems}


@register.filter
def data_class(number: int) -> str:
    return DataClass(number).word.capitalize()


@register.filter
def short(identifier: Any) -> str:
    """The last eight signs of an id: the random end of a UUID v7 tells rows apart."""
    return str(identifier)[-8:]


@register.filter
def digest(value: str) -> str:
    return f"{value[:4]}…{value[-4:]}" if value else "—"


@register.filter
def plus(number: float, more: float) -> float:
    return round(number + more, 1)


@register.filter
def split(words: str) -> list[str]:
    return words.split()


@register.filter
def initials(name: str) -> str:
    parts = [part for part in re.split(r"[\s@._-]+", name) if part]
    return "".join(part[0] for part in parts[:2]).upper() or "?"


@register.simple_tag(takes_context=True)
def may(context: template.Context, permission: str) -> bool:
    """{% may "RUN_START" as may_start %}: whether to show the way; the view is the guard."""
    request = context.get("request")
    return isinstance(request, HttpRequest) and can(request, Permission[permission])


@register.simple_tag(takes_context=True)
def bell(context: template.Context) -> int:
    """How much waits for whoever asks: approvals and alerts."""
    request = context.get("request")
    return notifications.count_for(request) if isinstance(request, HttpRequest) else 0


@register.inclusion_tag("ui/_keys.html")
def keys() -> dict[str, Any]:
    """What `?` opens."""
    return {"keys": KEYS}


@register.inclusion_tag("ui/_navigation.html", takes_context=True)
def navigation(context: template.Context) -> dict[str, Any]:
    """The links that this person may follow, in groups."""
    request = context.get("request")
    return links.of(request) if isinstance(request, HttpRequest) else {"groups": []}


TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>-?\d[\d.eE+-]*|true|false|null)'
)
CLASSES = {"key": "k", "text": "s", "word": "d"}
SHOWN_AT_MOST = 200_000


@register.filter
def as_json(value: Any) -> SafeString:
    """JSON, indented, keys, texts and other values told apart. Too much is cut, and says so."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    cut = len(text) > SHOWN_AT_MOST
    text = text[:SHOWN_AT_MOST]
    parts, reached = [], 0
    for found in TOKEN.finditer(text):
        parts.append(escape(text[reached : found.start()]))
        kind = CLASSES[found.lastgroup or "word"]
        parts.append(format_html('<span class="{}">{}</span>', kind, found.group()))
        reached = found.end()
    parts.append(escape(text[reached:]))
    if cut:
        parts.append(mark_safe('\n<span class="why">Cut here; the API has all of it.</span>'))
    return mark_safe("".join(parts))  # noqa: S308 - every part was escaped above
