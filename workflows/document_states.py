"""The states of a workflow's document over time: from when to when it said the same, and which version was in use."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from compliance.models import PolicyActivation
from workflows import document, document_difference
from workflows.document_difference import Difference
from workflows.document_marks import moment
from workflows.errors import DayInvalid
from workflows.models import (
    Documentation,
    RegisterEntry,
    RegisterKind,
    Review,
    VersionState,
    VersionStatus,
    Workflow,
    WorkflowVersion,
)

SHOWN = 10
PLACES = (
    RegisterKind.DESTINATION,
    RegisterKind.STORAGE_PROFILE,
    RegisterKind.CLASS_PLACEMENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The document of `version` from `since` until `until` (None: still). `why` says what began it."""

    version: WorkflowVersion
    since: datetime
    until: datetime | None
    digest: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two documents of a workflow and what differs."""

    old: WorkflowVersion
    new: WorkflowVersion
    digests: tuple[str, str]
    difference: Difference


@dataclass(frozen=True, slots=True)
class _Moment:
    at: datetime
    why: str


def states(
    workflow: Workflow, *, before: datetime | None = None, limit: int = SHOWN
) -> tuple[list[State], datetime | None]:
    """States newest first, and where the next ones begin: ask with `before` for those. Only with a version in use."""
    moments = [each for each in _moments(workflow) if before is None or each.at < before]
    found: list[State] = []
    until = before
    for place, (at, why) in enumerate(_by_time(moments)):
        if len(found) > limit:
            return found[:limit], found[limit - 1].since
        version = find_version_at(workflow, at)
        if version is not None:
            digest = document.digest(document.render(version=version, as_of=at))
            newest = found[-1] if found else None
            if newest and (newest.version, newest.digest) == (version, digest):
                found[-1] = State(
                    version=version, since=at, until=newest.until, digest=digest, why=why
                )
            else:
                shown_until = None if before is None and place == 0 else until
                found.append(
                    State(version=version, since=at, until=shown_until, digest=digest, why=why)
                )
        until = at
    return found[:limit], found[limit - 1].since if len(found) > limit else None


def find_version_at(workflow: Workflow, at: datetime) -> WorkflowVersion | None:
    """The version that new runs took at that moment."""
    steps = (
        VersionStatus.objects.filter(version__workflow=workflow, created_at__lte=at)
        .select_related("version__workflow", "version__revision__workflow")
        .order_by("version_id", "-number")
        .distinct("version_id")
    )
    in_use = [step for step in steps if step.state == VersionState.PUBLISHED]
    return max(in_use, key=lambda step: step.created_at).version if in_use else None


def get_version_at(workflow: Workflow, at: datetime) -> WorkflowVersion:
    """The version in use then, or else the newest there was. Raises DayInvalid where there was none."""
    in_use = find_version_at(workflow, at)
    if in_use is not None:
        return in_use
    newest: WorkflowVersion | None = (
        workflow.versions.filter(created_at__lte=at)
        .select_related("workflow", "revision__workflow")
        .order_by("-number")
        .first()
    )
    if newest is None:
        raise DayInvalid(
            f"“{workflow.slug}” had no version yet on {at:%Y-%m-%d}: ask for a later day."
        )
    return newest


def compare(
    workflow: Workflow, before: datetime, after: datetime, *, may_read: bool = True
) -> Compared:
    """The documents of two moments, each of the version that was in use then, as far as somebody may read them.

    Raises DayInvalid.
    """
    old, new = get_version_at(workflow, before), get_version_at(workflow, after)
    copies = [
        document.copy_for(version=version, as_of=at, may_read=may_read)
        for version, at in ((old, before), (new, after))
    ]
    names = (f"version {old.number}, {moment(before)}", f"version {new.number}, {moment(after)}")
    return Compared(
        old=old,
        new=new,
        digests=(copies[0].digest, copies[1].digest),
        difference=document_difference.compare(copies[0].text, copies[1].text, named=names),
    )


def _by_time(moments: Iterable[_Moment]) -> list[tuple[datetime, tuple[str, ...]]]:
    """Newest first; what happened at one moment is one."""
    why: dict[datetime, list[str]] = {}
    for each in moments:
        why.setdefault(each.at, []).append(each.why)
    return [(at, tuple(why[at])) for at in sorted(why, reverse=True)]


def _moments(workflow: Workflow) -> Iterator[_Moment]:
    """Everything after which the document may say something else."""
    steps = VersionStatus.objects.filter(version__workflow=workflow).select_related("version")
    for step in steps:
        yield _Moment(step.created_at, f"Version {step.version.number}: {step.state}")
    yield from _moments_of_reviews(workflow)
    for row in Documentation.objects.filter(workflow=workflow).only("created_at", "number"):
        yield _Moment(row.created_at, f"Texts, change {row.number}")
    for each in PolicyActivation.objects.select_related("snapshot").only("at", "snapshot__number"):
        yield _Moment(each.at, f"Policy {each.snapshot.number} in force")
    for entry in _entries(workflow):
        yield _Moment(entry.created_at, f"{entry.get_kind_display()} {entry.name}")


def _moments_of_reviews(workflow: Workflow) -> Iterator[_Moment]:
    for review in Review.objects.filter(workflow=workflow).prefetch_related("votes"):
        name = f"Review {review.number}"
        yield _Moment(review.created_at, f"{name} began")
        for vote in review.votes.all():
            yield _Moment(vote.created_at, f"{name}: a vote was given")
        if review.ended_at is not None:
            yield _Moment(review.ended_at, f"{name}: {review.get_state_display().lower()}")


def _entries(workflow: Workflow) -> Sequence[RegisterEntry]:
    """What the register noted of the places that any version ever in use may reach."""
    published = WorkflowVersion.objects.filter(
        workflow=workflow, statuses__state=VersionState.PUBLISHED
    ).distinct()
    groups: set[str] = set()
    for version in published.select_related("revision__workflow"):
        groups |= version.revision.definition.model_groups
    of_groups = RegisterEntry.objects.filter(kind=RegisterKind.MODEL_GROUP, name__in=groups)
    deployments = {name for entry in of_groups for name in entry.facts["deployments"]}
    of_deployments = RegisterEntry.objects.filter(
        kind=RegisterKind.DEPLOYMENT, name__in=deployments
    )
    providers = {entry.facts.get("provider", "") for entry in of_deployments}
    wanted = Q(kind=RegisterKind.PROVIDER, name__in=providers) | Q(kind__in=PLACES)
    return [*of_groups, *of_deployments, *RegisterEntry.objects.filter(wanted)]
