"""Runs by the state of the document under which they were executed, for programs."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs import document_runs
from runs.api.runs import CONTENT
from runs.api.serializers import RunShown
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission
from workflows.api.moments import find_asked_moment
from workflows.models import Workflow, WorkflowVersion

BEFORE = OpenApiParameter(
    "before", OpenApiTypes.DATETIME, description="`next_before` of the answer with newer ones."
)
TIME = [
    OpenApiParameter("since", OpenApiTypes.DATETIME),
    OpenApiParameter("until", OpenApiTypes.DATETIME),
]


class StateShape(serializers.Serializer[Any]):
    """From `since` until `until` the document said the same: its digest is the SHA-256 of the markdown."""

    version = serializers.IntegerField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    digest = serializers.CharField()
    began_with = serializers.ListField(child=serializers.CharField())
    runs = serializers.IntegerField(help_text="1001: more than 1,000.")


class StatesShape(serializers.Serializer[Any]):
    items = StateShape(many=True)
    next_before = serializers.DateTimeField(allow_null=True)


class DocumentStates(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="documents_list", parameters=[BEFORE], responses=StatesShape)
    def get(self, request: Request, slug: str) -> Response:
        """The states of a workflow's document, newest first, each with the number of runs started under it."""
        workflow = get_object_or_404(Workflow.objects.living(), slug=slug)
        page = document_runs.find(workflow, before=find_asked_moment(request, "before"))
        items = [
            {
                "version": each.state.version.number,
                "since": each.state.since,
                "until": each.state.until,
                "digest": each.state.digest,
                "began_with": list(each.state.why),
                "runs": each.count,
            }
            for each in page.executed
        ]
        return Response({"items": items, "next_before": page.next_before})


class RunsOfDocument(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="documents_runs", parameters=TIME, responses=page_shape(RunShown))
    def get(self, request: Request, slug: str, number: int) -> Response:
        """The runs of a version that were started within a time."""
        rows = WorkflowVersion.objects.filter(workflow__slug=slug)
        runs = document_runs.between(
            get_object_or_404(rows, number=number),
            find_asked_moment(request, "since"),
            find_asked_moment(request, "until"),
        )
        shown = runs.select_related("workflow", "version").defer(*CONTENT)
        return page_of(shown, request, to_json=lambda run: RunShown(run).data, keys_first=True)
