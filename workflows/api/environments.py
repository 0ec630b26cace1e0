"""Which version of a workflow stands where, for programs."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.shapes import to_time
from tenancy.permissions import Permission
from workflows import environments
from workflows.api.shapes import AuthorShape, ReasonInput, author_to_json
from workflows.environments import Standing
from workflows.models import Environment, Workflow, WorkflowVersion


class StandingShape(serializers.Serializer[Any]):
    """One environment. Without a version nothing stands there."""

    environment = serializers.ChoiceField(Environment.choices)
    version = serializers.IntegerField(allow_null=True)
    digest = serializers.CharField(allow_blank=True)
    since = serializers.CharField(allow_null=True, help_text="RFC 3339, UTC.")
    by = AuthorShape(allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class Environments(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="environments_list", responses=StandingShape(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Staging and prod, and the version that stands in each."""
        return Response(_standings(slug))


class Staging(APIView):
    required_permissions = {"post": Permission.WORKFLOW_EDIT}

    @extend_schema(
        operation_id="versions_stage", request=ReasonInput, responses=StandingShape(many=True)
    )
    @idempotent()
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Let runs on staging take this version. Its definition must be without errors."""
        asked = ReasonInput(data=request.data)
        asked.is_valid(raise_exception=True)
        version = get_object_or_404(WorkflowVersion, workflow__slug=slug, number=number)
        environments.stage(
            version=version, by=actor_of(request), reason=asked.validated_data["reason"]
        )
        return Response(_standings(slug))


def _standings(slug: str) -> list[dict[str, Any]]:
    workflow = get_object_or_404(Workflow.objects.with_pointers(), slug=slug)
    return [to_json(standing) for standing in environments.standings(workflow)]


def to_json(standing: Standing) -> dict[str, Any]:
    version, step = standing.version, standing.step
    return {
        "environment": str(standing.environment),
        "version": version.number if version else None,
        "digest": version.digest if version else "",
        "since": to_time(step.created_at) if step else None,
        "by": author_to_json(step) if step else None,
        "reason": step.reason if step else "",
    }
