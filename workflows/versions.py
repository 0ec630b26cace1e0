"""Versions and their life: draft, published, retired. One version of a workflow is published at a time."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from tenancy import ledger
from tenancy.actors import SYSTEM, Actor
from tenancy.events import EventType
from workflows import authors, definitions, gates, pinned, promotions, review_states, version_states
from workflows.errors import (
    DefinitionInvalid,
    NotPublishable,
    PinnedVersionMissing,
    WorkflowDisposed,
)
from workflows.models import (
    DefinitionRevision,
    Environment,
    VersionState,
    Workflow,
    WorkflowVersion,
)
from workflows.models.version import SUPERSEDED


@transaction.atomic
def create(*, revision: DefinitionRevision, by: Actor) -> WorkflowVersion:
    """Number a revision, so that it can be published. A revision has one version; asking again gives the same."""
    workflow = lock(revision.workflow_id)
    existing = WorkflowVersion.objects.filter(revision=revision).first()
    if existing is not None:
        return existing
    if not revision.digest:
        raise DefinitionInvalid(f"Revision {revision.number} is a draft with errors.")
    newest = WorkflowVersion.objects.filter(workflow=workflow).first()
    version = WorkflowVersion.objects.create(
        workflow=workflow,
        number=newest.number + 1 if newest else 1,
        revision=revision,
        digest=revision.digest,
        **WorkflowVersion.authorship(by),
    )
    version_states.begin(version, by=by)
    ledger.append(
        EventType.VERSION_CREATED,
        subject=version,
        by=by,
        workflow=workflow.slug,
        version=version.number,
        revision=revision.number,
        digest=version.digest,
    )
    return version


@transaction.atomic
def publish(*, version: WorkflowVersion, by: Actor, reason: str = "") -> None:
    """Let new runs take this version; the one published before retires with it. Publishing twice changes nothing.

    Raises NotPublishable with its `problems`, AuthorExcluded, TransitionRefused, WorkflowDisposed.
    """
    workflow = lock(version.workflow_id)
    version = WorkflowVersion.objects.select_related("revision").get(pk=version.pk)
    authors.check_is_none(version=version, by=by)
    if version.is_published:
        return
    check_publishable(version)
    gates.check(version)
    superseded = workflow.published
    if superseded is not None:
        version_states.move(
            superseded,
            VersionState.RETIRED,
            by=by,
            reason=f"{SUPERSEDED} {version.number}",
        )
    version_states.move(version, VersionState.PUBLISHED, by=by, reason=reason)
    promotions.record(version=version, environment=Environment.PROD, by=by, reason=reason)
    workflow.published = version
    workflow.save(update_fields=["published"])
    ledger.append(
        EventType.VERSION_PUBLISHED,
        subject=version,
        by=by,
        workflow=workflow.slug,
        version=version.number,
        digest=version.digest,
        superseded=superseded.number if superseded else None,
    )


@transaction.atomic
def retire(*, version: WorkflowVersion, by: Actor, reason: str = "") -> None:
    """End a version's life: no new run takes it, runs that began go on. Retiring twice changes nothing."""
    workflow = lock(version.workflow_id)
    version = WorkflowVersion.objects.get(pk=version.pk)
    if version.state is VersionState.RETIRED:
        return
    review_states.withdraw_of(version=version, by=by, reason="The version was retired.")
    version_states.move(version, VersionState.RETIRED, by=by, reason=reason)
    if workflow.published_id == version.pk:
        workflow.published = None
        workflow.save(update_fields=["published"])
    ledger.append(
        EventType.VERSION_RETIRED,
        subject=version,
        by=by,
        workflow=workflow.slug,
        version=version.number,
        digest=version.digest,
    )


def end_with_workflow(*, version: WorkflowVersion) -> None:
    """Retire a version because its workflow is disposed of. Part of the disposal, which writes the ledger entries."""
    version_states.move(
        version, VersionState.RETIRED, by=SYSTEM, reason="The workflow was disposed of."
    )


def check_publishable(version: WorkflowVersion) -> None:
    """Check the definition as things stand now: a model group may be missing, or a version that it starts.

    Raises NotPublishable.
    """
    revision = version.revision
    reading = definitions.read(revision.source, media=revision.media)
    errors = reading.errors
    if errors:
        more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
        raise NotPublishable(
            f"Version {version.number} cannot be published: {errors[0]}{more}",
            problems=[problem.to_json() for problem in errors],
        )
    for name in sorted(revision.definition.sub_workflows):
        slug, number = pinned.parts(name)
        if slug == version.workflow.slug and number >= version.number:
            raise NotPublishable(
                f"Version {version.number} cannot be published: it starts “{name}”, which is not before it.",
                problems=[],
            )


def closure(*, version: WorkflowVersion) -> dict[str, str]:
    """The digest of every version that runs of this one may start, at any depth: {"scoring@3": "5f7c…"}.

    Without the version itself. Raises PinnedVersionMissing, ContentDisposed.
    """
    found: dict[str, str] = {}
    pending = version.revision.definition.sub_workflows
    while pending:
        known = pinned.find(pending)
        for name in sorted(pending - known.keys()):
            raise PinnedVersionMissing(
                f"There is no version “{name}” any more, or there never was."
            )
        found |= {name: each.digest for name, each in known.items()}
        named = (each.revision.definition.sub_workflows for each in known.values())
        pending = frozenset().union(*named) - found.keys()
    return dict(sorted(found.items()))


def lineage(found: Iterable[WorkflowVersion]) -> list[WorkflowVersion]:
    """These versions of one workflow, each with `superseded_numbers`: those that retired when it was published."""
    rows = list(found)
    for version in rows:
        told = f"{SUPERSEDED} {version.number}"
        version.superseded_numbers = sorted(
            other.number
            for other in rows
            if any(status.reason == told for status in other.statuses.all())
        )
    return rows


def lock(workflow_id: UUID) -> Workflow:
    """The workflow's row: two publishers queue here, and so do a publisher and a saver. Raises WorkflowDisposed."""
    workflow = Workflow.objects.select_for_update().get(pk=workflow_id)
    if workflow.is_disposed:
        raise WorkflowDisposed
    return workflow
