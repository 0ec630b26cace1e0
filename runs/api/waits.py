"""Questions that runs ask: what is waited for, decisions of people, and answers at the address of a callback."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs import payloads, waits
from runs.api.serializers import AnswerTaken, DecideWait, WaitAsked, WaitShown
from runs.errors import FilterInvalid
from runs.models import Wait, WaitKind
from tenancy import rates
from tenancy.access import can
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission

FILTERS = [
    OpenApiParameter("open", bool, description="Only what can still be answered."),
    OpenApiParameter("kind", enum=WaitKind.values, description="What is waited for."),
    OpenApiParameter("approver", description="The role that may decide."),
    OpenApiParameter("run", UUID, description="The id of a run: only what it asks."),
]
CONTENT = ("question_sealed", "answer_sealed")


class Waits(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="waits_list", parameters=FILTERS, responses=page_shape(WaitShown))
    def get(self, request: Request) -> Response:
        """What runs wait for, the oldest first."""
        rows = _asked_for(request).defer(*CONTENT)
        return page_of(rows, request, to_json=lambda row: WaitShown(row).data, order=("id",))


class OneWait(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="waits_get", responses=WaitAsked)
    def get(self, request: Request, wait_id: UUID) -> Response:
        """One question, with what is asked and answered for those who may see payloads."""
        wait = _get(wait_id)
        content = None
        if can(request._request, Permission.PAYLOAD_VIEW) and not wait.run.is_disposed:
            content = {
                "question": payloads.open_payload(wait, "question_sealed"),
                "answer": payloads.open_payload(wait, "answer_sealed"),
            }
        return Response(WaitShown(wait).data | {"content": content})


class DecideOnWait(APIView):
    required_permissions = {"post": Permission.RUN_DECIDE}

    @extend_schema(operation_id="waits_decide", request=DecideWait, responses=WaitShown)
    def post(self, request: Request, wait_id: UUID) -> Response:
        """Approve or refuse, once. 409: not for this role, by whoever started the run, or too late."""
        wait = _get(wait_id)
        said = DecideWait(data=request.data)
        said.is_valid(raise_exception=True)
        http: Any = request._request
        decided = waits.decide(
            wait=wait,
            verdict=said.validated_data["verdict"],
            reason=said.validated_data["reason"],
            by=http.actor,
            role=http.membership.role if http.membership else "",
        )
        return Response(WaitShown(decided).data)


class AnswerCallback(APIView):
    """Nobody signs in here: whoever was given the address may answer, once."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="callbacks_answer",
        request=OpenApiTypes.ANY,
        responses=AnswerTaken,
        auth=[],
    )
    def post(self, request: Request, token: str) -> Response:
        """Answer a callback with any JSON that fits its schema. 409 for the second answer and for one that is late."""
        rates.check(request._request, action="callback")
        wait = waits.answer_callback(token, request._request.body)
        return Response(AnswerTaken(wait).data)


def _asked_for(request: Request) -> QuerySet[Wait]:
    rows: QuerySet[Wait] = Wait.objects.select_related("run__workflow")
    wanted = request.query_params
    if wanted.get("open", "") not in ("", "true", "false"):
        raise FilterInvalid("“open” is true or false.")
    if wanted.get("open") == "true":
        rows = rows.filter(answered_at=None, withdrawn_at=None)
    elif wanted.get("open") == "false":
        rows = rows.exclude(answered_at=None, withdrawn_at=None)
    if kind := wanted.get("kind"):
        rows = rows.filter(kind=kind)
    if approver := wanted.get("approver"):
        rows = rows.filter(approver=approver)
    if run := wanted.get("run"):
        rows = rows.filter(run_id=_uuid(run))
    return rows


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise FilterInvalid("“run” is the id of a run.") from None


def _get(wait_id: UUID) -> Wait:
    rows = Wait.objects.select_related("run__workflow", "run__root_run")
    wait: Wait = get_object_or_404(rows, pk=wait_id)
    return wait
