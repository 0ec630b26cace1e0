"""The one place where a review changes its state, and what ends one from outside: a new revision, retirement."""

from django.db.models import QuerySet
from django.utils.timezone import now

from tenancy.actors import Actor
from workflows import version_states
from workflows.errors import ReviewClosed
from workflows.models import Review, ReviewState, VersionState, Workflow, WorkflowVersion

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


def lapse(*, workflow: Workflow, number: int, by: Actor) -> int | None:
    """End the open review, if there is one, because revision `number` is the draft now. Gives the review's number.

    Part of saving a definition, and of undoing: that verb writes the ledger entry.
    """
    open_review = Review.objects.open().filter(workflow=workflow)
    outcome = f"Lapsed: revision {number} became the draft."
    return _end_first(open_review, ReviewState.LAPSED, by=by, outcome=outcome)


def withdraw_of(*, version: WorkflowVersion, by: Actor, reason: str) -> None:
    """End the open review of a version that goes no further. Part of the verb that says so."""
    open_review = Review.objects.open().filter(version=version)
    _end_first(open_review, ReviewState.WITHDRAWN, by=by, outcome=reason)


def _end_first(
    reviews: QuerySet[Review], state: ReviewState, *, by: Actor, outcome: str
) -> int | None:
    review = reviews.select_related("version").first()
    if review is None:
        return None
    end(review, state, by=by, outcome=outcome)
    return int(review.number)
