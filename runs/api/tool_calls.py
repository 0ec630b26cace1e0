"""Tool calls of a run: which there were, and what was asked and answered."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs import payloads
from runs.api.serializers import ToolCallPayload, ToolCallShown
from runs.models import Run, ToolCall
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission


class ToolCalls(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="tool_calls_list", responses=page_shape(ToolCallShown))
    def get(self, request: Request, run_id: UUID) -> Response:
        """All tool calls of a run, every attempt, in the order they were intended."""
        run = get_object_or_404(Run.objects.only("id"), pk=run_id)
        rows = run.tool_calls.defer("request_sealed", "response_sealed")
        return page_of(rows, request, to_json=lambda row: ToolCallShown(row).data, order=("id",))


class ToolCallContent(APIView):
    required_permissions = {"get": Permission.PAYLOAD_VIEW}

    @extend_schema(operation_id="tool_calls_payload", responses=ToolCallPayload)
    def get(self, request: Request, run_id: UUID, call_id: UUID) -> Response:
        """What was asked and what came back; no secret is in it. 410 after disposal."""
        rows = ToolCall.objects.select_related("run")
        call = get_object_or_404(rows, pk=call_id, run_id=run_id)
        return Response(
            {
                "request": payloads.open_payload(call, "request_sealed"),
                "response": payloads.open_payload(call, "response_sealed"),
            }
        )
