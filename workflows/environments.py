"""Environments of a workflow: the draft is dev, one version may be tried on staging, the published one is prod.

A version carries its digest from one to the next: what was tried is what goes live.
"""

from dataclasses import dataclass

from django.db import transaction

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows import promotions, versions
from workflows.errors import TransitionRefused
from workflows.models import (
    Environment,
    Promotion,
    VersionState,
    VersionStatus,
    Workflow,
    WorkflowVersion,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands in an environment; `step` says since when, through whom and why. Both None: nothing does."""

    environment: Environment
    version: WorkflowVersion | None
    step: Promotion | VersionStatus | None


@transaction.atomic
def stage(*, version: WorkflowVersion, by: Actor, reason: str = "") -> None:
    """Let runs on staging take this version from now on. Again changes nothing.

    Raises NotPublishable with its `problems`, TransitionRefused for a retired version, WorkflowDisposed.
    """
    workflow = versions.lock(version.workflow_id)
    version = WorkflowVersion.objects.select_related("revision", "workflow").get(pk=version.pk)
    if find_staged(workflow) == version:
        return
    if version.state is VersionState.RETIRED:
        raise TransitionRefused(f"Version {version.number} is retired; it cannot go to staging.")
    versions.check_publishable(version)
    promotion = promotions.record(
        version=version, environment=Environment.STAGING, by=by, reason=reason
    )
    ledger.append(
        EventType.VERSION_STAGED,
        subject=version,
        by=by,
        workflow=workflow.slug,
        version=version.number,
        digest=version.digest,
        promotion=promotion.number,
    )


def find_staged(workflow: Workflow) -> WorkflowVersion | None:
    """The version that runs on staging take; None where none was promoted, or it has been retired since."""
    newest = promotions.find_newest(workflow, Environment.STAGING)
    if newest is None or newest.version.state is VersionState.RETIRED:
        return None
    staged: WorkflowVersion = newest.version
    return staged


def standings(workflow: Workflow) -> list[Standing]:
    """Staging and prod as they are."""
    staged, published = find_staged(workflow), workflow.published
    return [
        Standing(
            environment=Environment.STAGING,
            version=staged,
            step=promotions.find_newest(workflow, Environment.STAGING) if staged else None,
        ),
        Standing(
            environment=Environment.PROD,
            version=published,
            step=published.statuses.order_by("-number").first() if published else None,
        ),
    ]
