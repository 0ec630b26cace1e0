"""Everything that people authored, as it stood at a moment: workflows in use, their texts, and the register of places.

Read in a handful of statements, whatever the number of workflows, from rows that are never changed.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

from workflows import document_places, document_tools, documentation
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
    state: str
    texts: Texts
    known: Known
    last_run_at: datetime | None

    @cached_property
    def definition(self) -> Definition | None:
        """Of the version in use."""
        if self.version is None or self.workflow.is_disposed:
            return None
        return _definition_of(self.version)

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


def take(at: datetime) -> Landscape:
    """How everything stood at this moment."""
    known = register.find_all(at)
    workflows = list(Workflow.objects.filter(created_at__lte=at).order_by("title", "id"))
    steps = _newest_steps(at)
    texts = _texts(at)
    last_runs = _readers[0]([each.pk for each in workflows], at) if _readers else {}
    return Landscape(
        at=at,
        known=known,
        workflows=tuple(
            _standing(each, at, steps.get(each.pk, []), texts.get(each.pk), known, last_runs)
            for each in workflows
        ),
    )


def _standing(
    workflow: Workflow,
    at: datetime,
    steps: Collection[VersionStatus],
    written: Documentation | None,
    known: Known,
    last_runs: Mapping[UUID, datetime],
) -> Standing:
    in_use = [step for step in steps if step.state == VersionState.PUBLISHED]
    newest = max(in_use, key=lambda step: step.created_at, default=None)
    if workflow.disposed_at is not None and workflow.disposed_at <= at:
        state = "disposed"
    elif newest is not None:
        state = VersionState.PUBLISHED.value
    else:
        latest = max(steps, key=lambda step: step.created_at, default=None)
        state = latest.state if latest else VersionState.DRAFT.value
    return Standing(
        workflow=workflow,
        version=newest.version if newest else None,
        state=state,
        texts=documentation.to_texts(written) if written else Texts(),
        known=known,
        last_run_at=last_runs.get(workflow.pk),
    )


def _newest_steps(at: datetime) -> dict[UUID, list[VersionStatus]]:
    """The state that each version was in, by workflow."""
    steps = (
        VersionStatus.objects.filter(created_at__lte=at)
        .select_related("version__revision__workflow", "version__workflow")
        .order_by("version_id", "-number")
        .distinct("version_id")
    )
    found: dict[UUID, list[VersionStatus]] = {}
    for step in steps:
        found.setdefault(step.version.workflow_id, []).append(step)
    return found


def _texts(at: datetime) -> dict[UUID, Documentation]:
    rows = (
        Documentation.objects.filter(created_at__lte=at)
        .order_by("workflow_id", "-number")
        .distinct("workflow_id")
    )
    return {row.workflow_id: row for row in rows}


@lru_cache(maxsize=1024)
def _definition_of(version: WorkflowVersion) -> Definition:
    """Versions never change, so a process opens each of them once."""
    definition: Definition = version.revision.definition
    return definition
