"""The rules of governance, for programs."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import actor_of
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape, to_time
from tenancy.permissions import Permission
from workflows import governance
from workflows.api.shapes import AuthorShape
from workflows.governance import Rules
from workflows.models import GovernanceRules
from workflows.models.governance import LONGEST_TERM_DAYS, MOST_REVIEWERS


class RulesInput(serializers.Serializer[Any]):
    """All rules at once; what is left out asks nothing."""

    review_required = serializers.BooleanField(default=False)
    reviewers = serializers.IntegerField(min_value=1, max_value=MOST_REVIEWERS, default=1)
    documentation_required = serializers.BooleanField(default=False)
    cases_must_pass = serializers.BooleanField(default=False)
    staging_first = serializers.BooleanField(default=False)
    recertify_days = serializers.IntegerField(
        min_value=1, max_value=LONGEST_TERM_DAYS, default=None, allow_null=True
    )
    block_overdue = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=500, help_text="Why they change.")


class RulesShape(RulesInput):
    """The rules in force. `number` is 0 and there is no author where none were ever set."""

    number = serializers.IntegerField()
    reason = serializers.CharField(allow_blank=True)
    author = AuthorShape(allow_null=True)
    created_at = serializers.CharField(allow_null=True)


class GovernanceResource(APIView):
    required_permissions = {
        "get": Permission.WORKFLOW_VIEW,
        "put": Permission.GOVERNANCE_EDIT,
    }

    @extend_schema(operation_id="governance_get", responses=RulesShape)
    def get(self, request: Request) -> Response:
        """What must hold before a version goes live, and while it is in use."""
        return Response(rules_to_json(governance.find_newest()))

    @extend_schema(operation_id="governance_set", request=RulesInput, responses=RulesShape)
    def put(self, request: Request) -> Response:
        """Put other rules in force. Rules that nobody could fulfil are refused, and say who is missing."""
        asked = RulesInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        reason = given.pop("reason")
        row = governance.set_rules(rules=Rules(**given), reason=reason, by=actor_of(request))
        return Response(rules_to_json(row))


class GovernanceHistory(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="governance_history", responses=page_shape(RulesShape))
    def get(self, request: Request) -> Response:
        """All rules that were ever set, newest first."""
        return page_of(GovernanceRules.objects.all(), request, to_json=rules_to_json)


def rules_to_json(row: GovernanceRules | None) -> dict[str, Any]:
    return asdict(governance.rules_of(row)) | {
        "number": row.number if row else 0,
        "reason": row.reason if row else "",
        "author": {"kind": row.author_kind, "id": row.author_id, "name": row.author_name}
        if row
        else None,
        "created_at": to_time(row.created_at) if row else None,
    }
