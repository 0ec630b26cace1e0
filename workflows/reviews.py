"""Reviews: a version is submitted, people who did not write it vote, and what is missing is said before it goes live.

Votes are blind: until all that are needed were given, each voter sees the own one alone.
"""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tenancy import ledger, persons
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.permissions import Permission
from tenancy.prepared import Prepared
from workflows import (
    authors,
    checklist,
    comparisons,
    governance,
    review_states,
    version_states,
    versions,
    voters,
)
from workflows.errors import (
    CommentRefused,
    DefinitionInvalid,
    ReviewClosed,
    ReviewImpossible,
    ReviewOpen,
    TransitionRefused,
    VoteRefused,
    WorkflowDisposed,
)
from workflows.governance import Rules
from workflows.models import (
    Comment,
    DefinitionRevision,
    Review,
    ReviewState,
    VersionState,
    Vote,
    VoteChoice,
    Workflow,
    WorkflowVersion,
)
from workflows.problems import Problem

LONGEST_REASON, LONGEST_COMMENT = 2000, 4000
COUNTED_UP_TO = 99


def _without_vote_of(person: str) -> QuerySet[Review]:
    return Review.objects.open().exclude(votes__person=person)


# Open ones in which a person did not vote, so far and no further, whether they may or not: every page counts them.
OPEN: Prepared[Review] = Prepared(
    lambda person: _without_vote_of(person).only("tenant").order_by()[:COUNTED_UP_TO], person=str
)


@transaction.atomic
def submit(
    *, workflow: Workflow, by: Actor, message: str = "", revision: DefinitionRevision | None = None
) -> Review:
    """Ask for a review of a revision, the head when none is named; it gets a number where it has none.

    Submitting what is in review already changes nothing. Raises NotPublishable with its `problems`, DefinitionInvalid,
    ReviewOpen, ReviewImpossible, TransitionRefused, WorkflowDisposed.
    """
    workflow = _lock(workflow.pk)
    revision = revision or workflow.head
    if revision is None or not revision.digest:
        raise DefinitionInvalid("There is nothing to review yet: the draft has errors.")
    version = versions.create(revision=revision, by=by)
    opened = Review.objects.open().filter(workflow=workflow).select_related("version").first()
    if opened is not None and opened.version_id == version.pk:
        return opened
    if opened is not None:
        raise ReviewOpen(f"Version {opened.version.number} is in review. Withdraw that first.")
    if version.is_published:
        raise TransitionRefused(f"Version {version.number} is published already.")
    versions.check_publishable(version)
    review = _open(workflow, version, message=message, by=by)
    if version.state in (VersionState.DRAFT, VersionState.CHANGES_REQUESTED):
        version_states.move(version, VersionState.IN_REVIEW, by=by, reason=message)
    ledger.append(
        EventType.REVIEW_SUBMITTED,
        subject=review,
        by=by,
        workflow=workflow.slug,
        version=version.number,
        digest=version.digest,
        review=review.number,
        needed=review.needed,
        needs_officer=review.needs_officer,
        risk=review.risk,
    )
    return review


@transaction.atomic
def vote(
    *,
    review: Review,
    choice: VoteChoice,
    by: Actor,
    reason: str = "",
    answers: Mapping[str, str] | None = None,
) -> Vote:
    """Judge a version. With the last vote that is needed the review is decided.

    Raises ReviewClosed, AuthorExcluded, VoteRefused.
    """
    _lock(review.workflow_id)
    review = _get_open(review)
    authors.check_is_none(version=review.version, by=by)
    person = persons.of_actor(by)
    member = persons.find_membership(person)
    if member is None or Permission.WORKFLOW_PUBLISH not in member.permissions:
        raise VoteRefused("Only a member who may publish votes on a review.")
    is_officer = voters.is_officer(member)
    given = list(review.votes.all())
    _check_may_still_vote(review, given, person=person, is_officer=is_officer)
    reason = reason.strip()[:LONGEST_REASON]
    if choice == VoteChoice.REQUEST_CHANGES and not reason:
        raise VoteRefused("Say what has to change.")
    made = Vote.objects.create(
        review=review,
        person=person,
        choice=choice,
        reason=reason,
        checklist=checklist.check(answers or {}, approving=choice == VoteChoice.APPROVE),
        as_officer=is_officer,
        role=member.role,
        evidence=checklist.kept(review.version),
        **Vote.authorship(by),
    )
    _decide(review, [*given, made], by=by)
    ledger.append(EventType.REVIEW_VOTED, subject=made, by=by, **_told(review, [*given, made]))
    return made


@transaction.atomic
def comment(
    *,
    review: Review,
    text: str,
    by: Actor,
    node: str = "",
    answers: Comment | None = None,
    resolves: bool = False,
) -> Comment:
    """Remark something at a node or on the whole, or answer a remark, and so resolve it. Also after the decision.

    Raises CommentRefused.
    """
    _lock(review.workflow_id)
    text = text.strip()
    if not text and not resolves:
        raise CommentRefused("Say something.")
    if len(text) > LONGEST_COMMENT:
        raise CommentRefused(f"A comment has up to {LONGEST_COMMENT:,} characters.")
    if resolves and answers is None:
        raise CommentRefused("Say which comment is resolved.")
    if answers is not None and (answers.review_id != review.pk or answers.answers_id is not None):
        raise CommentRefused("Answer a first comment of the same review.")
    node = answers.node if answers is not None else node
    known = {each.id for each in review.version.revision.definition.walk()}
    if node and node not in known:
        raise CommentRefused(f"There is no node “{node}” in version {review.version.number}.")
    newest = review.comments.order_by("-number").values_list("number", flat=True).first()
    made = Comment.objects.create(
        review=review,
        number=(newest or 0) + 1,
        node=node,
        text=text,
        answers=answers,
        resolves=resolves,
        **Comment.authorship(by),
    )
    ledger.append(
        EventType.REVIEW_COMMENTED,
        subject=made,
        by=by,
        workflow=review.workflow.slug,
        review=review.number,
        comment=made.number,
        node=node,
        resolves=answers.number if answers is not None and resolves else None,
    )
    return made


@transaction.atomic
def withdraw(*, review: Review, by: Actor, reason: str = "") -> None:
    """Take a version out of review; its votes stay on record. Raises ReviewClosed."""
    _lock(review.workflow_id)
    review = _get_open(review)
    outcome = f"Withdrawn: {reason.strip()}" if reason.strip() else "Withdrawn."
    review_states.end(review, ReviewState.WITHDRAWN, by=by, outcome=outcome)
    ledger.append(
        EventType.REVIEW_WITHDRAWN,
        subject=review,
        by=by,
        workflow=review.workflow.slug,
        version=review.version.number,
        review=review.number,
    )


def missing(version: WorkflowVersion, rules: Rules) -> Iterable[Problem]:
    """The gate before publication: what the review of this version lacks."""
    review = Review.objects.filter(version=version, digest=version.digest).first()
    if review is not None and review.is_open:
        yield _problem("review_open", f"Its review is not decided yet: {progress(review)}.")
    elif not rules.review_required:
        return
    elif review is None or review.state != ReviewState.APPROVED:
        how = f": {review.outcome}" if review is not None and review.outcome else "."
        yield _problem("review_missing", f"It needs an approved review of this very digest{how}")
    elif review.votes.count() < rules.reviewers:
        yield _problem(
            "review_outdated",
            f"It was approved by {review.votes.count()}, and the rules ask for {rules.reviewers} now. "
            "Send it to review again.",
        )


def visible_votes(review: Review, *, person: str) -> list[Vote]:
    """All votes once it is over; before that the own one alone."""
    votes = review.votes.order_by("id")
    return list(votes.filter(person=person) if review.is_open else votes)


def progress(review: Review) -> str:
    """“1 of 2 votes were given”, without saying by whom or how."""
    count = review.votes.count()
    officer = ""
    if review.needs_officer and not review.votes.filter(as_officer=True).exists():
        officer = ", and one has to be a compliance officer's"
    return f"{count} of {review.needed} vote{'' if review.needed == 1 else 's'} given{officer}"


def waiting_for(actor: Actor) -> QuerySet[Review]:
    """Open reviews in which this person may and did not vote yet."""
    person = persons.of_actor(actor)
    rows = _without_vote_of(person)
    if not rows.exists():
        return rows.none()
    member = persons.find_membership(person)
    if member is None or Permission.WORKFLOW_PUBLISH not in member.permissions:
        return rows.none()
    own = rows.filter(workflow__in=authors.workflows_by(member)).select_related("version__revision")
    return rows.exclude(pk__in=[each.pk for each in own if person in authors.of(each.version)])


def why_not(review: Review, *, actor: Actor) -> str:
    """Why somebody cannot vote here, in a sentence; empty for who can."""
    person = persons.of_actor(actor)
    member = persons.find_membership(person)
    if not review.is_open:
        return "This review is over."
    if member is None or Permission.WORKFLOW_PUBLISH not in member.permissions:
        return "Only a member who may publish votes on a review."
    if person in authors.of(review.version):
        return "You saved what is reviewed here: somebody else has to judge it."
    try:
        _check_may_still_vote(
            review,
            list(review.votes.all()),
            person=person,
            is_officer=voters.is_officer(member),
        )
    except VoteRefused as refused:
        return refused.sentence
    return ""


def _open(workflow: Workflow, version: WorkflowVersion, *, message: str, by: Actor) -> Review:
    found = comparisons.of_version(version)
    rules = governance.current()
    needs_officer = found.risk.needs_officer
    _check_possible(version, needed=rules.reviewers, needs_officer=needs_officer)
    newest = Review.objects.filter(workflow=workflow).first()
    return Review.objects.create(
        workflow=workflow,
        version=version,
        base=found.before.version if found.before else None,
        number=newest.number + 1 if newest else 1,
        digest=version.digest,
        needed=rules.reviewers,
        needs_officer=needs_officer,
        risk=found.risk.level.word,
        message=message.strip()[:2000],
        **Vote.authorship(by),
    )


def _check_possible(version: WorkflowVersion, *, needed: int, needs_officer: bool) -> None:
    excluded = authors.of(version)
    eligible = [each for each in voters.find() if persons.of_user(each.user_id) not in excluded]
    if len(eligible) < needed:
        raise ReviewImpossible(
            f"{needed} reviewers are asked for, and {len(eligible)} of the members who may publish did not write it. "
            "Add members, or ask for fewer in the rules of governance."
        )
    if needs_officer and not any(voters.is_officer(each) for each in eligible):
        raise ReviewImpossible(
            "The risk of this change is high: a compliance officer has to vote, and there is none who did not write it."
        )


def _check_may_still_vote(
    review: Review, given: Collection[Vote], *, person: str, is_officer: bool
) -> None:
    if any(each.person == person for each in given):
        raise VoteRefused("You have voted on this already, and a vote is never changed.")
    if len(given) >= review.needed and not is_officer:
        raise VoteRefused("Only the vote of a compliance officer is missing here.")


def _decide(review: Review, given: Collection[Vote], *, by: Actor) -> None:
    """Approved, or changes asked for, when all that are needed have voted."""
    if len(given) < review.needed:
        return
    if review.needs_officer and not any(each.as_officer for each in given):
        return
    against = [each for each in given if each.choice == VoteChoice.REQUEST_CHANGES]
    count = f"{len(given)} vote{'' if len(given) == 1 else 's'}"
    if against:
        outcome = f"Changes were requested by {len(against)} of {count}."
        review_states.end(review, ReviewState.CHANGES_REQUESTED, by=by, outcome=outcome)
    else:
        outcome = f"Approved with {count}."
        review_states.end(review, ReviewState.APPROVED, by=by, outcome=outcome)


def _told(review: Review, given: Collection[Vote]) -> dict[str, object]:
    """For the ledger: how somebody voted stands there only once all have voted."""
    told = {
        "workflow": review.workflow.slug,
        "version": review.version.number,
        "digest": review.digest,
        "review": review.number,
        "given": len(given),
        "outcome": "" if review.is_open else review.state,
    }
    if not review.is_open:
        told["votes"] = {str(each.pk): each.choice for each in given}
    return told


def _get_open(review: Review) -> Review:
    rows = Review.objects.open().select_related("workflow", "version__revision__workflow")
    found = rows.filter(pk=review.pk).first()
    if found is None:
        raise ReviewClosed
    return found


def _lock(workflow_id: UUID) -> Workflow:
    # Whoever saves, votes and publishes queues here.
    workflow = Workflow.objects.select_for_update().get(pk=workflow_id)
    if workflow.is_disposed:
        raise WorkflowDisposed
    return workflow


def _problem(code: str, sentence: str) -> Problem:
    return Problem(code=code, sentence=sentence)
