"""Saving definitions: every save is a revision that stays, and becomes the workflow's draft."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.timezone import now

from compliance.labels import DataClass
from tenancy import keys, ledger, sealing
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.events import EventType
from workflows import (
    documentation,
    model_groups,
    pinned,
    review_states,
    source,
    source_parts,
    validation,
)
from workflows.checks import reach, starts
from workflows.checks.known import Known
from workflows.definition import Definition, build, digest
from workflows.errors import (
    DefinitionInvalid,
    DefinitionRenamed,
    RevisionOutdated,
    SourceUnreadable,
    WorkflowDisposed,
    WorkflowNameTaken,
)
from workflows.models import (
    DefinitionRevision,
    Destination,
    RevisionContent,
    StorageProfile,
    Workflow,
)
from workflows.models.definition import content_place
from workflows.problems import Problem, Severity, has_errors
from workflows.providers.routes import current
from workflows.source import Media, Source
from workflows.tools import registry

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a text turned out to be. `definition` is None where errors keep it from being one."""

    text: str
    media: Media
    name: str
    title: str
    definition: Definition | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity is Severity.ERROR]


def save(
    *,
    workflow: Workflow | None,
    text: str | bytes,
    by: Actor,
    media: Media = "yaml",
    summary: str = "",
    parent: DefinitionRevision | None = None,
) -> DefinitionRevision:
    """Keep this text as the next revision, problems and all; without a workflow, make one of its name.

    Saving what stands there already changes nothing. `parent` is the revision that was edited: when it is not the
    newest any more, nothing is saved.
    Raises DefinitionInvalid for a new text without a readable name, WorkflowNameTaken, DefinitionRenamed,
    RevisionOutdated, WorkflowDisposed.
    """
    reading = read(text, media=media)
    if workflow is None:
        return _create(reading, by=by, summary=summary)
    return _save_next(workflow, reading, by=by, summary=summary, parent=parent)


def import_definition(
    *, text: str | bytes, by: Actor, media: Media = "yaml", summary: str = ""
) -> DefinitionRevision:
    """Save a definition under its own name, new or known. Refuses errors: DefinitionInvalid lists them."""
    reading = read(text, media=media)
    check(reading)
    workflow = Workflow.objects.filter(slug=reading.name).first()
    if workflow is None:
        return _create(reading, by=by, summary=summary)
    return _save_next(workflow, reading, by=by, summary=summary, parent=None)


def read(text: str | bytes, *, media: Media = "yaml") -> Reading:
    """Read a text and list what is wrong with it as things stand now. Never raises for what the text says."""
    written = text if isinstance(text, str) else text.decode("utf-8", "replace")
    try:
        known = isinstance(text, str)
        found = source_parts.read(text, media) if known else source.read(text, media=media)
    except SourceUnreadable as error:
        unreadable = validation.unreadable(error)
        return Reading(
            text=written, media=media, name="", title="", definition=None, problems=(unreadable,)
        )
    definition, problems = _definition_and_problems(found)
    name, title = _name_and_title(found.value)
    return Reading(
        text=written,
        media=media,
        name=name,
        title=title or name,
        definition=definition,
        problems=problems,
    )


def _definition_and_problems(found: Source) -> tuple[Definition | None, tuple[Problem, ...]]:
    versions = pinned.find(validation.pinned_in(found))
    startable = pinned.startable(versions)
    known = Known(
        model_groups=model_groups.names(),
        tools=registry.TOOLS.keys(),
        versions=pinned.states(versions),
        startable=startable,
        origins={destination.origin for destination in Destination.objects.filter(enabled=True)},
        stores=set(StorageProfile.objects.filter(enabled=True).values_list("name", flat=True)),
    )
    problems = tuple(validation.check_source(found, known))
    try:
        definition = build(found)
        if has_errors(problems):
            return definition, problems
        return definition, (*problems, *_flow_problems(definition, startable))
    except DefinitionInvalid as error:
        if has_errors(problems):
            return None, problems
        # Fail closed: what cannot be read has at least one error.
        return None, (*problems, Problem(code=error.code, sentence=error.sentence))


def _flow_problems(
    definition: Definition, startable: Mapping[str, starts.Startable]
) -> Iterator[Problem]:
    """What may not go where it would. The register is read only where a node asks a model or starts a version."""
    if definition.model_groups or definition.sub_workflows:
        known = register()
        yield from reach.problems(definition, known)
        yield from starts.class_problems(definition, startable, known.answer_classes)


def register() -> reach.Register:
    """The models and destinations that there are now."""
    routes = current()
    return reach.Register(
        groups={name: routes.of_group(name) for name in routes.groups},
        placements=routes.placements,
        answer_classes={
            destination.origin: DataClass(destination.answer_class)
            for destination in Destination.objects.filter(enabled=True)
        },
        today=now().date(),
    )


def check(reading: Reading) -> None:
    """Raise DefinitionInvalid where there are errors, with a sentence for people and `problems` for programs."""
    errors = reading.errors
    if not errors:
        return
    more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
    raise DefinitionInvalid(
        f"{errors[0]}{more}", problems=[problem.to_json() for problem in errors]
    )


def _name_and_title(value: Any) -> tuple[str, str]:
    if not isinstance(value, dict):
        return "", ""
    name, title = value.get("name"), value.get("title")
    return (name if isinstance(name, str) else "", title if isinstance(title, str) else "")


@transaction.atomic
def _create(reading: Reading, *, by: Actor, summary: str) -> DefinitionRevision:
    if not NAME.fullmatch(reading.name):
        check(reading)
        raise DefinitionInvalid(
            "A definition needs a name of small letters, digits and hyphens before it can be saved."
        )
    key = keys.take_data_key()
    try:
        with transaction.atomic():
            workflow = Workflow.objects.create(
                slug=reading.name,
                title=reading.title[:200],
                data_class=int(_data_class(reading)),
                data_key_id=key.id,
            )
    except IntegrityError as error:
        raise WorkflowNameTaken(f"There is already a workflow “{reading.name}”.") from error
    revision = _insert(workflow, reading, key=key, by=by, summary=summary, parent=None)
    ledger.append(
        EventType.WORKFLOW_CREATED,
        subject=workflow,
        by=by,
        name=workflow.slug,
        revision=revision.number,
        digest=revision.digest,
    )
    return revision


@transaction.atomic
def _save_next(
    workflow: Workflow,
    reading: Reading,
    *,
    by: Actor,
    summary: str,
    parent: DefinitionRevision | None,
) -> DefinitionRevision:
    # The workflow's row is what two savers queue at: numbers have no gaps and no twins.
    workflow = Workflow.objects.select_for_update().get(pk=workflow.pk)
    if workflow.is_disposed:
        raise WorkflowDisposed
    if reading.name and reading.name != workflow.slug:
        raise DefinitionRenamed(
            f"This is the workflow “{workflow.slug}”, but the definition is named “{reading.name}”."
        )
    head: DefinitionRevision | None = workflow.head
    if parent is not None and head is not None and parent.pk != head.pk:
        raise RevisionOutdated
    if head is not None and _says_the_same(head, reading):
        return head
    key = keys.open_data_key(workflow.data_key_id)
    revision = _insert(workflow, reading, key=key, by=by, summary=summary, parent=head)
    ledger.append(
        EventType.REVISION_SAVED,
        subject=revision,
        by=by,
        workflow=workflow.slug,
        revision=revision.number,
        digest=revision.digest,
        lapsed_review=review_states.lapse(workflow=workflow, revision=revision, by=by),
    )
    return revision


def _says_the_same(head: DefinitionRevision, reading: Reading) -> bool:
    if head.media != reading.media or head.source != reading.text:
        return False
    return head.error_count == len(reading.errors)


def _insert(
    workflow: Workflow,
    reading: Reading,
    *,
    key: keys.DataKeyRef,
    by: Actor,
    summary: str,
    parent: DefinitionRevision | None,
) -> DefinitionRevision:
    definition = reading.definition
    revision = DefinitionRevision.objects.create(
        tenant_id=current_tenant().pk,
        workflow=workflow,
        number=_next_number(workflow),
        parent=parent,
        digest=digest(definition.spec) if definition else "",
        media=reading.media,
        node_count=sum(1 for _ in definition.walk()) if definition else 0,
        error_count=len(reading.errors),
        summary=summary[:500],
        **DefinitionRevision.authorship(by),
    )
    _insert_content(revision, reading, key)
    if definition:
        documentation.take_over(workflow, definition, revision=revision, by=by)
    workflow.tip = None
    point_at(workflow, revision, definition)
    return revision


def _next_number(workflow: Workflow) -> int:
    """Numbers are never given twice, also after something was undone."""
    newest = workflow.revisions.order_by().aggregate(newest=Max("number"))["newest"]
    return (newest or 0) + 1


def point_at(
    workflow: Workflow, revision: DefinitionRevision, definition: Definition | None
) -> None:
    """Make this revision the draft: the one place where a head moves. The workflow's row is locked by the caller."""
    workflow.head = revision
    if definition is not None:
        workflow.title = definition.title[:200]
        workflow.data_class = int(definition.data_class)
    workflow.save(update_fields=["head", "tip", "title", "data_class"])


def _insert_content(revision: DefinitionRevision, reading: Reading, key: keys.DataKeyRef) -> None:
    def sealed(column: str, value: Any) -> bytes:
        return sealing.seal_json(key, value, place=content_place(revision, column))

    spec = reading.definition.spec if reading.definition else None
    RevisionContent.objects.create(
        tenant_id=revision.tenant_id,
        revision=revision,
        spec_sealed=sealed("spec_sealed", spec) if spec is not None else None,
        source_sealed=sealing.seal(
            key, reading.text.encode(), place=content_place(revision, "source_sealed")
        ),
        problems_sealed=sealed(
            "problems_sealed", [problem.to_json() for problem in reading.problems]
        ),
    )


def _data_class(reading: Reading) -> DataClass:
    """The class that the definition names; while it cannot be read, the highest."""
    if reading.definition is None:
        return DataClass.RESTRICTED
    return DataClass(reading.definition.data_class)
