"""The one place where a review changes its state, and what ends one from outside: a new revision, retirement."""

from django.utils.timezone import now

from tenancy.actors import Actor
from workflows import differences, version_states
from workflows.errors import GraphHasCycle, GraphIsBroken, ReviewClosed
from workflows.models import (
    DefinitionRevision,
    Review,
    ReviewState,
    VersionState,
    Workflow,
    WorkflowVersion,
)

# How the version goes on; an approved one waits in review until somebody publishes it.
_VERSION_AFTER = {
    ReviewState.CHANGES_REQUESTED: VersionState.CHANGES_REQUESTED,
    ReviewState.LAPSED: VersionState.DRAFT,
    ReviewState.WITHDRAWN: VersionState.DRAFT,
}


def end(review: Review, state: ReviewState, *, by: Actor, outcome: str) -> None:
    """In the caller's transaction, with the workflow's row locked. Raises ReviewClosed."""
    ended = Review.objects.open().filter(pk=review.pk)
    if not ended.update(state=state, ended_at=now(), outcome=outcome[:1000]):
        raise ReviewClosed
    review.refresh_from_db(fields=["state", "ended_at", "outcome"])
    after = _VERSION_AFTER.get(state)
    if after is not None and review.version.state is VersionState.IN_REVIEW:
        version_states.move(review.version, after, by=by, reason=outcome)


def lapse(*, workflow: Workflow, revision: DefinitionRevision, by: Actor) -> int | None:
    """End the open review, if there is one, because this revision is the draft now. Gives the review's number.

    A draft that says the same as what is reviewed, and is only written otherwise, leaves it open.
    Part of saving a definition, and of undoing: that verb writes the ledger entry.
    """
    open_review = Review.objects.open().filter(workflow=workflow)
    review = open_review.select_related("version__revision__workflow").first()
    if review is None or _says_the_same(review.version.revision, revision):
        return None
    outcome = f"Lapsed: revision {revision.number} became the draft."
    end(review, ReviewState.LAPSED, by=by, outcome=outcome)
    return int(review.number)


def _says_the_same(reviewed: DefinitionRevision, draft: DefinitionRevision) -> bool:
    """As the differences say it. What cannot be compared does not."""
    if not draft.digest:
        return False
    if draft.digest == reviewed.digest:
        return True
    try:
        return not differences.compare(reviewed.definition, draft.definition).changes
    except (GraphIsBroken, GraphHasCycle):
        return False


def withdraw_of(*, version: WorkflowVersion, by: Actor, reason: str) -> None:
    """End the open review of a version that goes no further. Part of the verb that says so."""
    open_review = Review.objects.open().filter(version=version)
    review = open_review.select_related("version").first()
    if review is not None:
        end(review, ReviewState.WITHDRAWN, by=by, outcome=reason)
