"""A draft as it is worked on: edits on top of what was read, undo, redo. Nothing is overwritten, only left."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows import changes, definitions, edited_text, review_states
from workflows.edits import Edit
from workflows.errors import DraftMoved, NothingToUndo, RevisionOutdated, WorkflowDisposed
from workflows.models import DefinitionRevision, Workflow
from workflows.source import Media

MOST_STEPS = 500  # how far back the way from the tip to the head is followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The draft after a change, and the node to look at next."""

    revision: DefinitionRevision
    node: str = ""


def edit(
    *,
    workflow: Workflow,
    edits: Sequence[Edit],
    base: DefinitionRevision,
    by: Actor,
    summary: str = "",
) -> Saved:
    """Save what the edits make of `base`. Sent twice, it is made once.

    Raises EditRefused, DraftMoved where the draft is another one by now, WorkflowDisposed.
    """
    made = edited_text.edit(base.source, edits, media=base.media)  # type: ignore[arg-type]
    if made.text == base.source:
        return Saved(revision=base, node=made.node)
    revision = save(
        workflow=workflow,
        text=made.text,
        media=base.media,  # type: ignore[arg-type]
        base=base,
        by=by,
        summary=summary or made.sentence,
    )
    return Saved(revision=revision, node=made.node)


def save(
    *,
    workflow: Workflow,
    text: str,
    media: Media,
    base: DefinitionRevision,
    by: Actor,
    summary: str = "",
) -> DefinitionRevision:
    """Save a whole text that was written on top of `base`. Raises DraftMoved, WorkflowDisposed, DefinitionRenamed."""
    told = summary or changes.summary(before=base.source, after=text)
    try:
        return definitions.save(
            workflow=workflow, text=text, media=media, by=by, summary=told, parent=base
        )
    except RevisionOutdated:
        head = find_head(workflow)
        if head is not None and _was_sent_twice(head, text, base=base, by=by):
            return head
        raise DraftMoved from None


def _was_sent_twice(
    head: DefinitionRevision, text: str, *, base: DefinitionRevision, by: Actor
) -> bool:
    return head.parent_id == base.pk and head.author_id == by.id and head.source == text


def go_back(
    *, workflow: Workflow, to: DefinitionRevision, base: DefinitionRevision, by: Actor
) -> DefinitionRevision:
    """Save an older text once more, as the next revision. Raises DraftMoved, WorkflowDisposed."""
    return save(
        workflow=workflow,
        text=to.source,
        media=to.media,  # type: ignore[arg-type]
        base=base,
        by=by,
        summary=f"Back to revision {to.number}",
    )


@transaction.atomic
def undo(*, workflow: Workflow, base: DefinitionRevision, by: Actor) -> DefinitionRevision:
    """Make the draft what it was before. Raises NothingToUndo at the first revision, DraftMoved, WorkflowDisposed."""
    workflow = _locked(workflow, base)
    before: DefinitionRevision | None = base.parent
    if before is None:
        raise NothingToUndo
    if workflow.tip_id is None:
        workflow.tip = base
    return _moved(workflow, before, "undo", by=by)


@transaction.atomic
def redo(*, workflow: Workflow, base: DefinitionRevision, by: Actor) -> DefinitionRevision:
    """Take back what was undone last. Raises NothingToUndo where nothing was, DraftMoved, WorkflowDisposed."""
    workflow = _locked(workflow, base)
    following = find_redo(workflow)
    if following is None:
        raise NothingToUndo("There is nothing to redo here.")
    if following.pk == workflow.tip_id:
        workflow.tip = None
    return _moved(workflow, following, "redo", by=by)


def find_redo(workflow: Workflow) -> DefinitionRevision | None:
    """The revision that follows the head on the way to the tip."""
    if workflow.tip_id is None:
        return None
    newest = workflow.revisions.order_by("-number").values_list("pk", "parent_id")[:MOST_STEPS]
    parents: dict[UUID, UUID | None] = dict(newest)
    step: UUID | None = workflow.tip_id
    while step is not None and parents.get(step) != workflow.head_id:
        step = parents.get(step)
    if step is None:
        return None
    return DefinitionRevision.objects.filter(workflow=workflow, pk=step).first()


def find_head(workflow: Workflow) -> DefinitionRevision | None:
    """The draft as it is now, whatever was read before."""
    moved: Workflow = Workflow.objects.select_related("head__workflow").get(pk=workflow.pk)
    head: DefinitionRevision | None = moved.head
    return head


def etag(revision: DefinitionRevision) -> str:
    """A strong validator (RFC 9110) of the draft: its number and what it says."""
    said = revision.digest or hashlib.sha256(revision.source.encode()).hexdigest()
    return f'"{revision.number}-{said[:16]}"'


def _locked(workflow: Workflow, base: DefinitionRevision) -> Workflow:
    locked: Workflow = Workflow.objects.select_for_update().get(pk=workflow.pk)
    if locked.is_disposed:
        raise WorkflowDisposed
    if locked.head_id != base.pk:
        raise DraftMoved
    return locked


def _moved(
    workflow: Workflow, revision: DefinitionRevision, way: str, *, by: Actor
) -> DefinitionRevision:
    definitions.point_at(workflow, revision, revision.definition if revision.digest else None)
    ledger.append(
        EventType.DRAFT_MOVED,
        subject=revision,
        by=by,
        workflow=workflow.slug,
        revision=revision.number,
        way=way,
        lapsed_review=review_states.lapse(workflow=workflow, revision=revision, by=by),
    )
    return revision
