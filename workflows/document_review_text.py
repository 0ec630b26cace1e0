"""Reviews in words: asked by whom, judged by whom as what, with the checklist and its evidence. Pure."""

from collections.abc import Iterator, Sequence

from workflows.document_facts import ReviewFacts
from workflows.document_marks import moment, plain, table


def write(reviews: Sequence[ReviewFacts], *, of_version: int) -> Iterator[str]:
    """All reviews and votes so far; checklists of the version that the document is about."""
    yield "### Reviews"
    if not reviews:
        yield "No version up to this one was sent to review."
        return
    yield _reviews(reviews)
    yield "### Votes"
    yield from _votes(reviews)
    for review in reviews:
        if review.version == of_version and any(vote.answers for vote in review.votes):
            yield f"### Checklist of review {review.number}"
            yield f"About version {review.version}, digest `{review.digest}`."
            yield _checklist(review)


def _reviews(reviews: Sequence[ReviewFacts]) -> str:
    rows = [
        (
            str(each.number),
            str(each.version),
            f"{moment(each.at)} by {plain(each.by) or 'somebody'}",
            plain(each.message) or "–",
            f"{each.risk}: {_needed(each)}",
            f"{moment(each.ended_at)}: {plain(each.outcome)}"
            if each.ended_at
            else f"not decided yet, {each.given} given",
        )
        for each in reviews
    ]
    heads = ("Review", "Version", "Asked for", "Message", "Risk, and votes needed", "Outcome")
    return table(heads, rows)


def _needed(review: ReviewFacts) -> str:
    votes = f"{review.needed} vote{'' if review.needed == 1 else 's'}"
    return f"{votes}, one of a compliance officer" if review.needs_officer else votes


def _votes(reviews: Sequence[ReviewFacts]) -> Iterator[str]:
    rows = [
        (
            str(review.number),
            moment(vote.at),
            plain(vote.by),
            vote.role or "not recorded",
            vote.verdict,
            plain(vote.reason) or "–",
        )
        for review in reviews
        for vote in review.votes
    ]
    if rows:
        yield table(("Review", "When", "By", "As", "Verdict", "Reason"), rows)
    else:
        yield "No vote of a decided review."
    if any(review.ended_at is None for review in reviews):
        yield "How people vote in a review that is not decided yet is told when it is."


def _checklist(review: ReviewFacts) -> str:
    rows = [
        (
            plain(vote.by),
            plain(each.question) + (f" ({plain(each.sources)})" if each.sources else ""),
            each.answer or "not answered",
            plain(each.found) or "not kept",
        )
        for vote in review.votes
        for each in vote.answers
    ]
    return table(("Voter", "Question", "Answer", "What Grove found then"), rows)
