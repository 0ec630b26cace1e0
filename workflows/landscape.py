"""Everything that people authored, as it stood at a moment: workflows in use, their texts, and the register of places.

Read in a handful of statements, whatever the number of workflows, from rows that are never changed.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
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

# What is read of a version, in the order of its columns: two hundred of them are a long list.
VERSION = ("id", "tenant_id", "workflow_id", "number", "revision_id", "digest")
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
    texts: Texts  # of the workflow; nothing of its nodes
    known: Known
    deployments: Mapping[str, tuple[DeploymentFacts, ...]]  # of all model groups
    last_run_at: datetime | None  # where it was asked for

    @cached_property
    def models(self) -> Mapping[str, tuple[DeploymentFacts, ...]]:
        """The deployments behind each of its model groups."""
        groups = self.definition.model_groups if self.definition else frozenset()
        return {name: self.deployments.get(name, ()) for name in sorted(groups)}

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


def take(at: datetime, *, slug: str = "", with_runs: bool = True) -> Landscape:
    """How everything stood at this moment; with `slug`, of the workflows only this one."""
    known = register.find_all(at)
    rows = Workflow.objects.filter(created_at__lte=at).order_by("title", "id")
    workflows = {each.pk: each for each in (rows.filter(slug=slug) if slug else rows)}
    steps = _newest_steps(at, slug)
    in_use = {
        pk: _version(step, workflow)
        for pk, workflow in workflows.items()
        if (step := _in_use(steps.get(pk, ())))
    }
    definitions = opened.definitions_of(
        [each for each in in_use.values() if not each.workflow.is_disposed]
    )
    texts = _texts(at, slug)
    groups = (name for kind, name in known if kind == RegisterKind.MODEL_GROUP)
    deployments = {name: document_places.deployments(name, known) for name in groups}
    last_runs = _readers[0](list(workflows), at) if _readers and with_runs else {}
    return Landscape(
        at=at,
        known=known,
        workflows=tuple(
            Standing(
                workflow=workflow,
                version=(version := in_use.get(pk)),
                definition=definitions.get(version.pk) if version else None,
                state=_state(workflow, at, steps.get(pk, ())),
                texts=texts.get(pk, Texts()),
                known=known,
                deployments=deployments,
                last_run_at=last_runs.get(pk),
            )
            for pk, workflow in workflows.items()
        ),
    )


class _Step(NamedTuple):
    """The state that a version was in. `version` has the values of VERSION."""

    state: str
    created_at: datetime
    version: tuple[Any, ...]


def _in_use(steps: Collection[_Step]) -> _Step | None:
    published = [step for step in steps if step.state == VersionState.PUBLISHED]
    return max(published, key=lambda step: step.created_at, default=None)


def _version(step: _Step, workflow: Workflow) -> WorkflowVersion:
    found = WorkflowVersion.from_db(workflow._state.db, VERSION, step.version)
    found.workflow = workflow
    return found


def _state(workflow: Workflow, at: datetime, steps: Collection[_Step]) -> str:
    if workflow.disposed_at is not None and workflow.disposed_at <= at:
        return "disposed"
    if _in_use(steps) is not None:
        return VersionState.PUBLISHED.value
    latest = max(steps, key=lambda step: step.created_at, default=None)
    return latest.state if latest else VersionState.DRAFT.value


def _newest_steps(at: datetime, slug: str) -> dict[UUID, list[_Step]]:
    """The state that each version was in, by workflow."""
    steps = (
        VersionStatus.objects.filter(created_at__lte=at)
        .order_by("version_id", "-number")
        .distinct("version_id")
    )
    columns = ("state", "created_at", *(f"version__{name}" for name in VERSION))
    found: dict[UUID, list[_Step]] = defaultdict(list)
    asked = steps.filter(version__workflow__slug=slug) if slug else steps
    for state, created_at, *version in asked.values_list(*columns):
        found[version[VERSION.index("workflow_id")]].append(
            _Step(state, created_at, tuple(version))
        )
    return found


def _texts(at: datetime, slug: str) -> dict[UUID, Texts]:
    rows = (
        Documentation.objects.filter(created_at__lte=at)
        .order_by("workflow_id", "-number")
        .distinct("workflow_id")
    )
    asked = rows.filter(workflow__slug=slug) if slug else rows
    return {
        workflow: Texts(**dict(zip(documentation.FIELDS, said, strict=True)))
        for workflow, *said in asked.values_list("workflow_id", *documentation.FIELDS)
    }
