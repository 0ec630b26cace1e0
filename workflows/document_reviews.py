"""What the document says of reviews: who was asked, who judged how and why, with the evidence of that moment."""

from collections.abc import Iterator
from datetime import datetime

from workflows.document_facts import AnswerFacts, ReviewFacts, VoteFacts
from workflows.models import Review, Vote, WorkflowVersion


def gather(version: WorkflowVersion, as_of: datetime) -> tuple[ReviewFacts, ...]:
    """Reviews of this version and of those before it that had begun by then, the oldest first."""
    rows = (
        Review.objects.filter(
            workflow=version.workflow_id,
            version__number__lte=version.number,
            created_at__lte=as_of,
        )
        .select_related("version")
        .prefetch_related("votes")
        .order_by("number")
    )
    return tuple(_review(review, as_of) for review in rows)


def _review(review: Review, as_of: datetime) -> ReviewFacts:
    votes = [vote for vote in review.votes.all() if vote.created_at <= as_of]
    ended_at = review.ended_at if review.ended_at and review.ended_at <= as_of else None
    moments = [review.created_at, *(vote.created_at for vote in votes)]
    return ReviewFacts(
        number=review.number,
        version=review.version.number,
        digest=review.digest,
        at=review.created_at,
        by=review.author_name,
        message=review.message,
        risk=review.risk,
        needed=review.needed,
        needs_officer=review.needs_officer,
        given=len(votes),
        ended_at=ended_at,
        outcome=review.outcome if ended_at else "",
        votes=tuple(vote_facts(vote) for vote in votes) if ended_at else (),
        changed_at=max([*moments, ended_at] if ended_at else moments),
    )


def vote_facts(vote: Vote) -> VoteFacts:
    """Votes that were cast before roles and evidence were kept say what they can."""
    role = vote.role or ("compliance_officer" if vote.as_officer else "")
    return VoteFacts(
        at=vote.created_at,
        by=vote.author_name,
        role=_in_words(role),
        verdict=_in_words(vote.choice),
        reason=vote.reason,
        answers=tuple(_answers(vote)),
    )


def _answers(vote: Vote) -> Iterator[AnswerFacts]:
    """In the order in which they were asked; of votes that kept no evidence, by name."""
    for kept in vote.evidence:
        yield AnswerFacts(
            question=kept["question"],
            sources=kept["sources"],
            found=f"{kept['finding']}: {kept['sentence']}",
            answer=_in_words(vote.checklist.get(kept["code"], "")),
        )
    if not vote.evidence:
        for code in sorted(vote.checklist):
            yield AnswerFacts(
                question=_in_words(code),
                sources="",
                found="",
                answer=_in_words(vote.checklist[code]),
            )


def _in_words(code: str) -> str:
    return code.replace("_", " ")
