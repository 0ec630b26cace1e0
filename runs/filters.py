"""Filters of the run list, the same for pages and API: all of it is in the URL."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import QuerySet
from django.utils.timezone import is_naive, make_aware

from runs.errors import FilterInvalid
from runs.models import Run, RunStatus
from tenancy.moments import find_moment

NAMES = ("status", "workflow", "owner", "since", "until")


def filter_runs(runs: QuerySet[Run], asked: Mapping[str, str]) -> QuerySet[Run]:
    """Narrow runs by `status` and `workflow` (comma-separated, a leading `-` excludes), `owner`, `since`, `until`.

    Raises FilterInvalid, naming the filter and what it takes.
    """
    runs = _by_words(runs, "status", asked.get("status", ""), RunStatus.values)
    runs = _by_words(runs, "workflow__slug", asked.get("workflow", ""))
    if owner := asked.get("owner", ""):
        runs = runs.filter(owner_label=owner)
    if since := asked.get("since", ""):
        runs = runs.filter(created_at__gte=_to_time("since", since))
    if until := asked.get("until", ""):
        runs = runs.filter(created_at__lt=_to_time("until", until))
    return runs


def _by_words(
    runs: QuerySet[Run], column: str, text: str, known: list[str] | None = None
) -> QuerySet[Run]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    wanted = [word for word in words if not word.startswith("-")]
    unwanted = [word[1:] for word in words if word.startswith("-")]
    for word in wanted + unwanted:
        if known and word not in known:
            raise FilterInvalid(f"“{word}” is not a state of a run. Known are: {', '.join(known)}.")
    if wanted:
        runs = runs.filter(**{f"{column}__in": wanted})
    if unwanted:
        runs = runs.exclude(**{f"{column}__in": unwanted})
    return runs


def _to_time(name: str, text: str) -> datetime:
    moment = find_moment(text)
    if moment is None:
        raise FilterInvalid(
            f"“{name}” takes a date or an RFC 3339 time, such as 2026-11-21T09:00:00Z."
        )
    return make_aware(moment) if is_naive(moment) else moment
