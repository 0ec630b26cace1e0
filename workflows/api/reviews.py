"""Reviews of versions, for programs."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import persons
from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission
from workflows import checklist, reviews
from workflows.api.review_shapes import (
    CommentInput,
    CommentShape,
    ReviewShape,
    SubmissionInput,
    VoteInput,
    VoteShape,
    WholeReviewShape,
    WithdrawalInput,
    comment_to_json,
    review_to_json,
    vote_to_json,
)
from workflows.models import Review, ReviewState, VoteChoice, Workflow

WHICH = ("open", "mine", "decided")


class ReviewList(APIView):
    """Reviews of all workflows."""

    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(
        operation_id="reviews_list",
        parameters=[
            OpenApiParameter(
                "which", str, enum=WHICH, description="mine: those that wait for the caller's vote."
            ),
            OpenApiParameter("workflow", str, description="The name of one workflow."),
        ],
        responses=page_shape(ReviewShape),
    )
    def get(self, request: Request) -> Response:
        """Reviews, newest first; how people voted is in a review that is over."""
        rows = _which(request).select_related("workflow", "version__revision", "base")
        if slug := request.query_params.get("workflow"):
            rows = rows.filter(workflow__slug=slug)
        return page_of(rows, request, to_json=review_to_json)


class Submission(APIView):
    required_permissions = {"post": Permission.WORKFLOW_EDIT}

    @extend_schema(
        operation_id="reviews_submit", request=SubmissionInput, responses={201: ReviewShape}
    )
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        """Ask for a review of a revision, the newest when none is named.

        It lapses when a revision that behaves otherwise is saved.
        """
        asked = _checked(SubmissionInput, request)
        workflow = get_object_or_404(Workflow.objects.with_pointers(), slug=slug)
        number = asked["revision"]
        revision = get_object_or_404(workflow.revisions, number=number) if number else None
        review = reviews.submit(
            workflow=workflow, revision=revision, message=asked["message"], by=actor_of(request)
        )
        return Response(review_to_json(review), status=201, headers={"Location": _address(review)})


class ReviewResource(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="reviews_get", responses=WholeReviewShape)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """One review with its comments, the evidence of its checklist, and the votes that the caller may see."""
        review = _review(slug, number)
        votes = reviews.visible_votes(review, person=persons.of_actor(actor_of(request)))
        evidence = [] if review.workflow.is_disposed else checklist.of(review.version)
        return Response(
            review_to_json(review)
            | {
                "votes": [vote_to_json(vote) for vote in votes],
                "comments": [
                    comment_to_json(each) for each in review.comments.select_related("answers")
                ],
                "checklist": [
                    {
                        "code": each.control.code,
                        "question": each.control.question,
                        "sources": each.control.sources,
                        "finding": each.evidence.finding,
                        "evidence": each.evidence.sentence,
                    }
                    for each in evidence
                ],
            }
        )


class VoteList(APIView):
    required_permissions = {"post": Permission.WORKFLOW_PUBLISH}

    @extend_schema(operation_id="reviews_vote", request=VoteInput, responses={201: VoteShape})
    @idempotent()
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Judge a version once. Others see how when all that are needed have voted."""
        asked = _checked(VoteInput, request)
        vote = reviews.vote(
            review=_review(slug, number),
            choice=VoteChoice(asked["choice"]),
            reason=asked["reason"],
            answers=asked["checklist"],
            by=actor_of(request),
        )
        return Response(vote_to_json(vote), status=201)


class CommentList(APIView):
    required_permissions = {"post": Permission.REVIEW_COMMENT}

    @extend_schema(
        operation_id="reviews_comment", request=CommentInput, responses={201: CommentShape}
    )
    @idempotent()
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Remark something, or answer a remark by its number, and so resolve it."""
        asked = _checked(CommentInput, request)
        review = _review(slug, number)
        answered = asked["answers"]
        made = reviews.comment(
            review=review,
            text=asked["text"],
            node=asked["node"],
            answers=get_object_or_404(review.comments, number=answered) if answered else None,
            resolves=asked["resolves"],
            by=actor_of(request),
        )
        return Response(comment_to_json(made), status=201)


class Withdrawal(APIView):
    required_permissions = {"post": Permission.WORKFLOW_EDIT}

    @extend_schema(operation_id="reviews_withdraw", request=WithdrawalInput, responses=ReviewShape)
    @idempotent()
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Take a version out of review. Withdrawing twice changes nothing."""
        reason = _checked(WithdrawalInput, request)["reason"]
        review = _review(slug, number)
        if review.state != ReviewState.WITHDRAWN:
            reviews.withdraw(review=review, reason=reason, by=actor_of(request))
        return Response(review_to_json(_review(slug, number)))


def _which(request: Request) -> QuerySet[Review]:
    which = request.query_params.get("which", "")
    if which and which not in WHICH:
        raise serializers.ValidationError({"which": f"Say one of {', '.join(WHICH)}."})
    if which == "mine":
        return reviews.waiting_for(actor_of(request))
    rows = Review.objects.all()
    if which == "open":
        return Review.objects.open()
    return rows.exclude(state=ReviewState.OPEN) if which == "decided" else rows


def _review(slug: str, number: int) -> Review:
    rows = Review.objects.select_related(
        "workflow__published", "version__revision__workflow", "version__workflow", "base"
    )
    return get_object_or_404(rows, workflow__slug=slug, number=number)


def _address(review: Review) -> str:
    return reverse("api-workflows:review", args=[review.workflow.slug, review.number])


def _checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)
