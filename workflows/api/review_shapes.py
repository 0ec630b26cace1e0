"""How reviews look to programs, and what programs may send. They decide nothing."""

from typing import Any

from rest_framework import serializers

from tenancy.api.shapes import to_time
from workflows.api.shapes import AuthorShape
from workflows.checklist import Answer, Finding
from workflows.models import Authored, Comment, Review, ReviewState, Vote, VoteChoice
from workflows.reviews import LONGEST_COMMENT, LONGEST_REASON, progress

Json = dict[str, Any]


class ReviewShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    workflow = serializers.CharField()
    version = serializers.IntegerField()
    digest = serializers.CharField()
    compared_with = serializers.IntegerField(
        allow_null=True, help_text="The version that was published when it began."
    )
    state = serializers.ChoiceField(choices=ReviewState.values)
    risk = serializers.ChoiceField(choices=["low", "medium", "high"])
    needed = serializers.IntegerField()
    needs_compliance_officer = serializers.BooleanField()
    progress = serializers.CharField()
    message = serializers.CharField(allow_blank=True)
    outcome = serializers.CharField(allow_blank=True)
    author = AuthorShape()
    created_at = serializers.CharField()
    ended_at = serializers.CharField(allow_null=True)


class EvidenceShape(serializers.Serializer[Any]):
    """What stood beside a question as somebody answered it."""

    code = serializers.CharField()
    question = serializers.CharField()
    sources = serializers.CharField()
    finding = serializers.ChoiceField(choices=list(Finding))
    sentence = serializers.CharField()


class VoteShape(serializers.Serializer[Any]):
    choice = serializers.ChoiceField(choices=VoteChoice.values)
    reason = serializers.CharField(allow_blank=True)
    checklist = serializers.DictField(child=serializers.ChoiceField(choices=list(Answer)))
    evidence = EvidenceShape(many=True, help_text="Empty for votes that kept none.")
    role = serializers.CharField(allow_blank=True, help_text="Of the voter, as they voted.")
    as_compliance_officer = serializers.BooleanField()
    author = AuthorShape()
    created_at = serializers.CharField()


class CommentShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    node = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True)
    answers = serializers.IntegerField(allow_null=True)
    resolves = serializers.BooleanField()
    author = AuthorShape()
    created_at = serializers.CharField()


class ControlShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    question = serializers.CharField()
    sources = serializers.CharField()
    finding = serializers.ChoiceField(choices=list(Finding))
    evidence = serializers.CharField()


class WholeReviewShape(ReviewShape):
    """With what was remarked and found. `votes` are all once it is over, before that the caller's own alone."""

    votes = VoteShape(many=True)
    comments = CommentShape(many=True)
    checklist = ControlShape(many=True)


class SubmissionInput(serializers.Serializer[Any]):
    revision = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1
    )
    message = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class VoteInput(serializers.Serializer[Any]):
    """Who approves answers the whole checklist, nothing with no; who requests changes gives a reason."""

    choice = serializers.ChoiceField(choices=VoteChoice.values)
    reason = serializers.CharField(
        max_length=LONGEST_REASON, required=False, default="", allow_blank=True
    )
    checklist = serializers.DictField(
        child=serializers.CharField(max_length=20), required=False, default=dict
    )


class CommentInput(serializers.Serializer[Any]):
    text = serializers.CharField(
        max_length=LONGEST_COMMENT, required=False, default="", allow_blank=True
    )
    node = serializers.CharField(max_length=64, required=False, default="", allow_blank=True)
    answers = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1
    )
    resolves = serializers.BooleanField(required=False, default=False)


class WithdrawalInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=900, required=False, default="", allow_blank=True)


def review_to_json(review: Review) -> Json:
    return {
        "number": review.number,
        "workflow": review.workflow.slug,
        "version": review.version.number,
        "digest": review.digest,
        "compared_with": review.base.number if review.base else None,
        "state": review.state,
        "risk": review.risk,
        "needed": review.needed,
        "needs_compliance_officer": review.needs_officer,
        "progress": progress(review),
        "message": review.message,
        "outcome": review.outcome,
        "author": _author(review),
        "created_at": to_time(review.created_at),
        "ended_at": to_time(review.ended_at),
    }


def vote_to_json(vote: Vote) -> Json:
    return {
        "choice": vote.choice,
        "reason": vote.reason,
        "checklist": vote.checklist,
        "evidence": vote.evidence,
        "role": vote.role,
        "as_compliance_officer": vote.as_officer,
        "author": _author(vote),
        "created_at": to_time(vote.created_at),
    }


def comment_to_json(comment: Comment) -> Json:
    return {
        "number": comment.number,
        "node": comment.node,
        "text": comment.text,
        "answers": comment.answers.number if comment.answers else None,
        "resolves": comment.resolves,
        "author": _author(comment),
        "created_at": to_time(comment.created_at),
    }


def _author(row: Authored | Review) -> Json:
    return {"kind": row.author_kind, "id": row.author_id, "name": row.author_name}
