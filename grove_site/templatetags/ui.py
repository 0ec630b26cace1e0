"""How Grove prints times, money, durations, states and JSON.

Small on purpose: what may be seen is the view's business.
"""

import json
import re
from datetime import datetime
from html import escape
from typing import Any

from django import template
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from compliance.labels import DataClass
from grove_site import marks, notifications, pictures, rows
from grove_site import navigation as links
from grove_site.keys import KEYS
from runs import saved_views
from runs.gantt import to_words
from runs.models import SavedView, ViewOf
from tenancy.access import can
from tenancy.permissions import Permission

register = template.Library()
register.simple_tag(marks.badge)
register.simple_tag(marks.icon)
register.simple_tag(marks.money)
register.simple_tag(marks.run_seconds)
register.simple_tag(marks.run_seconds, name="node_seconds")
register.filter(marks.when)
register.simple_tag(pictures.graph_parts)
register.simple_tag(pictures.timeline_rows)
register.simple_tag(rows.register_rows)
register.simple_tag(rows.run_marks)
register.simple_tag(rows.run_rows)


@register.filter
def state_words(state: str) -> str:
    return marks.words_of(str(state))


@register.filter
def utc(moment: datetime | None) -> SafeString:
    """A time element that shows date and time: in UTC, or in the time zone that the reader chose."""
    if not moment:  # a missing value reaches a filter as ""
        return mark_safe("—")
    return marks.time(moment, localtime(moment).strftime("%-d %b %Y, %H:%M:%S %Z"))


@register.filter
def utc_clock(moment: datetime | None) -> SafeString:
    """Only the time of day, to the millisecond, for lists of one run."""
    if not moment:  # a missing value reaches a filter as ""
        return mark_safe("—")
    return marks.time(moment, localtime(moment).strftime("%H:%M:%S.%f")[:-3])


@register.filter
def duration(seconds: float | None) -> str:
    return "—" if seconds is None else to_words(seconds)


@register.filter
def count(number: int | None) -> str:
    return f"{number or 0:,}"


@register.filter
def tone(state: str) -> str:
    return marks.BADGES[state][0] if state in marks.BADGES else ""


@register.filter
def state_icon(state: str) -> str:
    return marks.BADGES[state][1] if state in marks.BADGES else "todo"


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


@register.simple_tag(takes_context=True)
def views_of(context: template.Context, name: str) -> QuerySet[SavedView] | tuple[()]:
    """{% views_of "providers" as views %}: the views of a list that lies below the app that keeps them."""
    membership = getattr(context.get("request"), "membership", None)
    views = saved_views.visible_to(membership, ViewOf(name))
    return views[:VIEWS_TO_PICK] if membership else ()


@register.inclusion_tag("ui/_keys.html")
def keys() -> dict[str, Any]:
    """What `?` opens."""
    return {"keys": KEYS}


@register.simple_tag(takes_context=True)
def navigation(context: template.Context) -> SafeString | str:
    """The links that this person may follow, in groups."""
    request = context.get("request")
    return links.of(request) if isinstance(request, HttpRequest) else ""


TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>-?\d[\d.eE+-]*|true|false|null)'
)
CLASSES = {"key": "k", "text": "s", "word": "d"}
SHOWN_AT_MOST = 200_000
VIEWS_TO_PICK = 12


@register.filter
def as_json(value: Any) -> SafeString:
    """JSON, indented, keys, texts and other values told apart. Too much is cut, and says so."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    cut = len(text) > SHOWN_AT_MOST
    text = text[:SHOWN_AT_MOST]
    parts: list[str] = []
    reached = 0
    for found in TOKEN.finditer(text):
        parts.append(escape(text[reached : found.start()]))
        kind = CLASSES[found.lastgroup or "word"]
        parts.append(f'<span class="{kind}">{escape(found.group())}</span>')
        reached = found.end()
    parts.append(escape(text[reached:]))
    if cut:
        parts.append(mark_safe('\n<span class="why">Cut here; the API has all of it.</span>'))
    return mark_safe("".join(parts))  # noqa: S308 - every part was escaped above
