"""What changed between two versions or revisions, for programs."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import can
from tenancy.permissions import Permission
from workflows import comparisons
from workflows.comparisons import Comparison, Side
from workflows.differences import Change
from workflows.errors import DefinitionInvalid, WorkflowDisposed
from workflows.models import Workflow

LEVELS = ["low", "medium", "high"]


class PartShape(serializers.Serializer[Any]):
    sign = serializers.CharField(
        help_text="“ ” in both, “+” come, “-” gone.", trim_whitespace=False
    )
    text = serializers.CharField(trim_whitespace=False)


class ChangeShape(serializers.Serializer[Any]):
    category = serializers.CharField()
    sentence = serializers.CharField()
    pointer = serializers.CharField(
        allow_blank=True,
        help_text="RFC 6901, in the newer definition; of what is gone in the older one.",
    )
    level = serializers.ChoiceField(choices=LEVELS)
    mark = serializers.ChoiceField(choices=["added", "removed", "changed"])
    node = serializers.CharField(allow_blank=True)
    parts = PartShape(many=True)
    is_masked = serializers.BooleanField(
        help_text="The text of a prompt is left out: it takes payload.view to read it."
    )


class RiskShape(serializers.Serializer[Any]):
    level = serializers.ChoiceField(choices=LEVELS)
    reasons = serializers.ListField(child=serializers.CharField())
    reviewers = serializers.IntegerField(
        help_text="How many have to approve; 0 where nobody is asked."
    )
    needs_compliance_officer = serializers.BooleanField()
    who = serializers.CharField()


class SideShape(serializers.Serializer[Any]):
    version = serializers.IntegerField(allow_null=True)
    revision = serializers.IntegerField()
    digest = serializers.CharField()


class DifferenceShape(serializers.Serializer[Any]):
    """`from` is null where nothing was published before: everything is new then."""

    to = SideShape()
    headline = serializers.CharField()
    behaviour = ChangeShape(many=True, help_text="What may make a run go another way.")
    words = ChangeShape(many=True, help_text="Titles, descriptions, documentation.")
    around = ChangeShape(many=True, help_text="Pinned versions, places, papers, policy, secrets.")
    risk = RiskShape()

    def get_fields(self) -> dict[str, Any]:
        return {"from": SideShape(allow_null=True), **super().get_fields()}


class Differences(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(
        operation_id="workflows_differences",
        parameters=[
            OpenApiParameter(
                "from", str, description="3 is a version, r5 a revision. Else what is published."
            ),
            OpenApiParameter(
                "to", str, description="3 is a version, r5 a revision. Else the newest revision."
            ),
        ],
        responses=DifferenceShape,
    )
    def get(self, request: Request, slug: str) -> Response:
        """What changed from one to the other, in words and in a stable order, and what that puts at risk."""
        workflow = get_object_or_404(Workflow.objects.with_pointers(), slug=slug)
        if workflow.is_disposed:
            raise WorkflowDisposed
        asked = request.query_params
        found = comparisons.of_names(
            workflow,
            asked.get("from", ""),
            asked.get("to", ""),
            may_read=can(request._request, Permission.PAYLOAD_VIEW),
        )
        if not found.is_readable:
            raise DefinitionInvalid(
                "One of the two is a draft with errors, which cannot be compared."
            )
        return Response(difference_to_json(found))


def difference_to_json(found: Comparison) -> dict[str, Any]:
    return {
        "from": _side(found.before) if found.before else None,
        "to": _side(found.after),
        "headline": found.difference.headline,
        "behaviour": _changes(found.behaviour),
        "words": _changes(found.difference.words),
        "around": _changes(found.around),
        "risk": {
            "level": found.risk.level.word,
            "reasons": [reason.sentence for reason in found.risk.reasons],
            "reviewers": found.risk.reviewers,
            "needs_compliance_officer": found.risk.needs_officer,
            "who": found.risk.who,
        },
    }


def _changes(changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    return [change.to_json() for change in changes]


def _side(side: Side) -> dict[str, Any]:
    return {
        "version": side.version.number if side.version else None,
        "revision": side.revision.number,
        "digest": side.revision.digest,
    }
