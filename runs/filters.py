"""Filters of the run list, the same for pages and API: all of it is in the URL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils.timezone import is_naive, make_aware

from runs.errors import FilterInvalid
from runs.models import Run, RunPurpose, RunStatus
from tenancy.models import first_id
from tenancy.moments import find_moment
from workflows.models import Workflow

NAMES = ("status", "workflow", "owner", "since", "until", "parent", "purpose", "children")
PURPOSES = {
    "work": RunPurpose.WORK,
    "staging": RunPurpose.STAGING,
    "replay": RunPurpose.REPLAY,
    "what_if": RunPurpose.WHAT_IF,
}


def filter_runs(runs: QuerySet[Run], asked: Mapping[str, str]) -> QuerySet[Run]:
    """Narrow runs by `status` and `workflow` (comma-separated, a leading `-` excludes), `owner`, `since`, `until`.

    `parent` leaves the child runs of one run, `children=hidden` those that have no parent; `purpose` is work, replay or
    what_if.
    Each becomes a condition on columns of the run alone, so that an index which ends with the id serves it. Moments are
    compared with the id, which begins with the time when it was made.
    Raises FilterInvalid, naming the filter and what it takes.
    """
    runs = _by_status(runs, *_words(asked.get("status", "")))
    runs = _by_workflow(runs, *_words(asked.get("workflow", "")))
    if owner := asked.get("owner", ""):
        runs = runs.filter(owner_label=owner)
    if since := asked.get("since", ""):
        runs = runs.filter(id__gte=first_id(_to_time("since", since)))
    if until := asked.get("until", ""):
        runs = runs.filter(id__lt=first_id(_to_time("until", until)))
    if parent := asked.get("parent", ""):
        runs = runs.filter(parent_run=_to_id("parent", parent))
    elif asked.get("children", "") == "hidden":
        runs = runs.filter(parent_run=None)
    if purpose := asked.get("purpose", ""):
        runs = runs.filter(purpose=_to_purpose(purpose))
    return runs


def _words(text: str) -> tuple[list[str], list[str]]:
    """What is wanted, and what is not."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    return (
        [word for word in words if not word.startswith("-")],
        [word[1:] for word in words if word.startswith("-")],
    )


def _by_status(
    runs: QuerySet[Run], wanted: Sequence[str], unwanted: Sequence[str]
) -> QuerySet[Run]:
    for word in (*wanted, *unwanted):
        if word not in RunStatus.values:
            known = ", ".join(RunStatus.values)
            raise FilterInvalid(f"“{word}” is not a state of a run. Known are: {known}.")
    if wanted:
        runs = runs.filter(status__in=wanted)
    return runs.exclude(status__in=unwanted) if unwanted else runs


def _by_workflow(
    runs: QuerySet[Run], wanted: Sequence[str], unwanted: Sequence[str]
) -> QuerySet[Run]:
    """The few workflows are looked up first: a join would keep PostgreSQL from the index of runs."""
    if not wanted and not unwanted:
        return runs
    named = Workflow.objects.filter(slug__in=[*wanted, *unwanted]).values_list("slug", "pk")
    ids = dict(named)
    if wanted:
        runs = runs.filter(workflow_id__in=[ids[slug] for slug in wanted if slug in ids])
    return runs.exclude(workflow_id__in=[ids[slug] for slug in unwanted if slug in ids])


def _to_id(name: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise FilterInvalid(f"“{name}” takes the id of a run.") from None


def _to_purpose(word: str) -> str:
    if word not in PURPOSES:
        raise FilterInvalid(
            f"“{word}” is not a purpose of a run. Known are: {', '.join(PURPOSES)}."
        )
    return PURPOSES[word].value


def _to_time(name: str, text: str) -> datetime:
    moment = find_moment(text)
    if moment is None:
        raise FilterInvalid(
            f"“{name}” takes a date or an RFC 3339 time, such as 2026-11-21T09:00:00Z."
        )
    return make_aware(moment) if is_naive(moment) else moment
