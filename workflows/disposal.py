"""How a workflow is disposed of: its data key is destroyed, what its revisions said is removed, their digests stay.

Its runs go along: runs name "workflow" as their parent. Titles, plain-language texts and who published what are kept:
they are the record that it existed.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet

from compliance.disposables import PlanLine
from tenancy.actors import SYSTEM
from workflows import review_states, stored_objects, versions
from workflows.models import (
    Case,
    Comment,
    DefinitionRevision,
    RevisionContent,
    StoredObject,
    Workflow,
)


class WorkflowDisposable:
    """A workflow with what its revisions said."""

    kind = "workflow"
    label = "Workflow"
    parent = "tenant"

    def find(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        return _lines(Workflow.objects.filter(pk__in=ids))

    def find_below(self, parents: Collection[UUID]) -> Sequence[PlanLine]:
        return _lines(Workflow.objects.filter(tenant_id__in=parents))

    def find_copies(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        return []

    def check(self, ids: Collection[UUID]) -> None:
        """A workflow may go at any time; its runs have a say of their own."""

    def data_keys(self, ids: Collection[UUID]) -> Sequence[UUID]:
        return list(Workflow.objects.filter(pk__in=ids).values_list("data_key_id", flat=True))

    def erase(self, ids: Collection[UUID], *, at: datetime) -> int:
        rows, _ = RevisionContent.objects.filter(revision__workflow_id__in=ids).delete()
        rows += Case.objects.filter(workflow_id__in=ids).delete()[0]
        remarks = Comment.objects.filter(review__workflow_id__in=ids)
        rows += remarks.filter(answers__isnull=False).delete()[0] + remarks.delete()[0]
        for workflow in Workflow.objects.living().select_for_update().filter(pk__in=ids):
            for review in workflow.reviews.open().select_related("version"):
                reason = "The workflow was disposed of."
                review_states.withdraw_of(version=review.version, by=SYSTEM, reason=reason)
            if workflow.published is not None:
                versions.end_with_workflow(version=workflow.published)
            workflow.published = None
            workflow.disposed_at = at
            workflow.save(update_fields=["published", "disposed_at"])
            rows += 1
        return rows


def _lines(workflows: QuerySet[Workflow]) -> list[PlanLine]:
    counts = dict(
        DefinitionRevision.objects.filter(workflow_id__in=workflows.order_by().values("pk"))
        .order_by()
        .values_list("workflow_id")
        .annotate(Count("id"))
    )
    return [
        PlanLine(
            kind=WorkflowDisposable.kind,
            id=workflow.pk,
            fingerprint=workflow.head.digest if workflow.head else "",
            parts={"definition_revision": counts.get(workflow.pk, 0)},
        )
        for workflow in workflows.filter(disposed_at__isnull=True).select_related("head")
    ]


class StoredObjectDisposable:
    """A version of an object that a run wrote. It goes along with its run."""

    kind = "stored_object"
    label = "Stored object"
    parent = "run"

    def find(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        return _object_lines(StoredObject.objects.filter(pk__in=ids))

    def find_below(self, parents: Collection[UUID]) -> Sequence[PlanLine]:
        return _object_lines(StoredObject.objects.filter(run_id__in=parents))

    def find_copies(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        return []

    def check(self, ids: Collection[UUID]) -> None:
        """An object may go at any time: who reads it afterwards is told that it is gone."""

    def data_keys(self, ids: Collection[UUID]) -> Sequence[UUID]:
        return list(StoredObject.objects.filter(pk__in=ids).values_list("data_key_id", flat=True))

    def erase(self, ids: Collection[UUID], *, at: datetime) -> int:
        return stored_objects.erase(ids)


def _object_lines(versions: QuerySet[StoredObject]) -> list[PlanLine]:
    return [
        PlanLine(kind=StoredObjectDisposable.kind, id=version.pk, fingerprint=version.commitment)
        for version in versions
    ]
