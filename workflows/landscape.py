"""Everything that people authored, as it stood at a moment: workflows in use, their texts, and the register of places.

Read in a handful of statements, whatever the number of workflows, from rows that are never changed.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from workflows import document_places, document_tools, documentation, opened
from workflows.definition import Definition
from workflows.document_facts import DeploymentFacts, ToolFacts
from workflows.documentation import Texts
from workflows.models import (
    Documentation,
    RegisterKind,
    VersionState,
    VersionStatus,
    Workflow,
    WorkflowVersion,
)
from workflows.providers import register
from workflows.providers.register import Known

# What is read of a version: two hundred of them are a long list.
VERSION = tuple(
    f"version__{name}" for name in ("tenant", "workflow", "revision", "number", "digest")
)
LastRuns = Callable[[Collection[UUID], datetime], Mapping[UUID, datetime]]


_readers: list[LastRuns] = []


def read_runs_with(reader: LastRuns) -> None:
    """Let the floor above say when a run of each workflow was last started before a moment."""
    _readers[:] = [reader]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One workflow. `version` is the one in use; without one, `state` is that of its newest version."""

    workflow: Workflow
    version: WorkflowVersion | None
    definition: Definition | None  # of the version in use
    state: str
    texts: Texts
    known: Known
    last_run_at: datetime | None

    @cached_property
    def models(self) -> Mapping[str, tuple[DeploymentFacts, ...]]:
        """The deployments behind each of its model groups."""
        groups = self.definition.model_groups if self.definition else frozenset()
        return {name: document_places.deployments(name, self.known) for name in sorted(groups)}

    @cached_property
    def tools(self) -> tuple[ToolFacts, ...]:
        return document_tools.gather(self.definition, self.known) if self.definition else ()


@dataclass(frozen=True, kw_only=True)
class Landscape:
    at: datetime
    workflows: tuple[Standing, ...]
    known: Known

    def of_kind(self, kind: RegisterKind) -> Mapping[str, Mapping[str, Any]]:
        """The facts of all things of this kind, by name."""
        return {name: facts for (each, name), facts in sorted(self.known.items()) if each == kind}


def take(at: datetime, *, slug: str = "") -> Landscape:
    """How everything stood at this moment; with `slug`, of the workflows only this one."""
    known = register.find_all(at)
    rows = Workflow.objects.filter(created_at__lte=at).order_by("title", "id")
    workflows = {each.pk: each for each in (rows.filter(slug=slug) if slug else rows)}
    steps = _newest_steps(at, workflows, slug)
    in_use = {pk: version for pk in workflows if (version := _in_use(steps.get(pk, ())))}
    definitions = opened.definitions_of(
        [each for each in in_use.values() if not each.workflow.is_disposed]
    )
    texts = _texts(at, slug)
    last_runs = _readers[0](list(workflows), at) if _readers else {}
    return Landscape(
        at=at,
        known=known,
        workflows=tuple(
            Standing(
                workflow=workflow,
                version=(version := in_use.get(pk)),
                definition=definitions.get(version.pk) if version else None,
                state=_state(workflow, at, steps.get(pk, ())),
                texts=documentation.to_texts(texts[pk]) if pk in texts else Texts(),
                known=known,
                last_run_at=last_runs.get(pk),
            )
            for pk, workflow in workflows.items()
        ),
    )


def _in_use(steps: Collection[VersionStatus]) -> WorkflowVersion | None:
    published = [step for step in steps if step.state == VersionState.PUBLISHED]
    newest = max(published, key=lambda step: step.created_at, default=None)
    return newest.version if newest else None


def _state(workflow: Workflow, at: datetime, steps: Collection[VersionStatus]) -> str:
    if workflow.disposed_at is not None and workflow.disposed_at <= at:
        return "disposed"
    if _in_use(steps) is not None:
        return VersionState.PUBLISHED.value
    latest = max(steps, key=lambda step: step.created_at, default=None)
    return latest.state if latest else VersionState.DRAFT.value


def _newest_steps(
    at: datetime, workflows: Mapping[UUID, Workflow], slug: str
) -> dict[UUID, list[VersionStatus]]:
    """The state that each version was in, by workflow."""
    steps = (
        VersionStatus.objects.filter(created_at__lte=at)
        .select_related("version")
        .only("tenant", "number", "state", "created_at", *VERSION)
        .order_by("version_id", "-number")
        .distinct("version_id")
    )
    found: dict[UUID, list[VersionStatus]] = {}
    for step in steps.filter(version__workflow__slug=slug) if slug else steps:
        step.version.workflow = workflows[step.version.workflow_id]
        found.setdefault(step.version.workflow_id, []).append(step)
    return found


def _texts(at: datetime, slug: str) -> dict[UUID, Documentation]:
    rows = (
        Documentation.objects.filter(created_at__lte=at)
        .only("tenant", "workflow", *documentation.TEXTS)
        .order_by("workflow_id", "-number")
        .distinct("workflow_id")
    )
    return {row.workflow_id: row for row in (rows.filter(workflow__slug=slug) if slug else rows)}
