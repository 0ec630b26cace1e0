"""Many runs at once: freeze them (nothing happens yet), look, confirm with the digest of what was looked at."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs import selections
from runs.errors import SelectionInvalid
from runs.models import Deed, Selection
from runs.views.selections import carry_out_soon
from tenancy.access import actor_of
from tenancy.api.shapes import to_time
from tenancy.permissions import Permission


class SelectRuns(serializers.Serializer[Any]):
    """Ids, or a question: one of both."""

    runs = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=selections.MOST
    )
    q = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, help_text="As `GET /runs` takes it."
    )


class ConfirmSelection(serializers.Serializer[Any]):
    digest = serializers.CharField(
        max_length=64, help_text="Of the selection, as it was answered: SHA-256 of deed and ids."
    )


class SelectedRun(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    status = serializers.CharField()
    would_change = serializers.BooleanField()
    why_not = serializers.CharField(allow_blank=True)
    done = serializers.BooleanField(allow_null=True, help_text="null: its turn has not come.")
    code = serializers.CharField(allow_blank=True)
    sentence = serializers.CharField(allow_blank=True)


class SelectionShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    deed = serializers.ChoiceField(choices=Deed.values)
    digest = serializers.CharField()
    created_at = serializers.CharField()
    expires_at = serializers.CharField()
    confirmed_at = serializers.CharField(allow_null=True)
    finished_at = serializers.CharField(allow_null=True)
    runs = SelectedRun(many=True)


class SelectToCancel(APIView):
    required_permissions = {"post": Permission.RUN_CANCEL}

    @extend_schema(
        operation_id="run_selections_to_cancel",
        request=SelectRuns,
        responses={201: SelectionShown},
    )
    def post(self, request: Request) -> Response:
        """Freeze up to 1,000 runs to be cancelled, and say what would happen to each. Nothing happens yet."""
        return _freeze(request, Deed.CANCEL)


class SelectToResume(APIView):
    required_permissions = {"post": Permission.RUN_RESUME}

    @extend_schema(
        operation_id="run_selections_to_resume",
        request=SelectRuns,
        responses={201: SelectionShown},
    )
    def post(self, request: Request) -> Response:
        """Freeze up to 1,000 runs to be resumed, and say what would happen to each. Nothing happens yet."""
        return _freeze(request, Deed.RESUME)


class OneSelection(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="run_selections_get", responses=SelectionShown)
    def get(self, request: Request, selection_id: UUID) -> Response:
        """What would happen to each run, or what did."""
        return Response(_shown(get_object_or_404(Selection, pk=selection_id)))


class CancelSelection(APIView):
    required_permissions = {"post": Permission.RUN_CANCEL}

    @extend_schema(
        operation_id="run_selections_cancel",
        request=ConfirmSelection,
        responses={202: SelectionShown},
    )
    def post(self, request: Request, selection_id: UUID) -> Response:
        """Cancel what was frozen. Sent twice, it is done once. 409 after 30 minutes, or with another digest."""
        return _confirm(request, selection_id, Deed.CANCEL)


class ResumeSelection(APIView):
    required_permissions = {"post": Permission.RUN_RESUME}

    @extend_schema(
        operation_id="run_selections_resume",
        request=ConfirmSelection,
        responses={202: SelectionShown},
    )
    def post(self, request: Request, selection_id: UUID) -> Response:
        """Resume what was frozen. Sent twice, it is done once. 409 after 30 minutes, or with another digest."""
        return _confirm(request, selection_id, Deed.RESUME)


def _freeze(request: Request, deed: Deed) -> Response:
    asked = SelectRuns(data=request.data)
    asked.is_valid(raise_exception=True)
    wanted, by = asked.validated_data, actor_of(request._request)
    if ("runs" in wanted) == ("q" in wanted):
        raise SelectionInvalid("Send either `runs` or `q`.")
    chosen = wanted["runs"] if "runs" in wanted else selections.find(wanted["q"], me=by.id)
    return Response(_shown(selections.freeze(deed=deed, run_ids=chosen, by=by)), status=201)


def _confirm(request: Request, selection_id: UUID, deed: Deed) -> Response:
    selection = get_object_or_404(Selection, pk=selection_id, deed=deed)
    asked = ConfirmSelection(data=request.data)
    asked.is_valid(raise_exception=True)
    by, digest = actor_of(request._request), asked.validated_data["digest"]
    if selections.confirm(selection=selection, digest=digest, by=by):
        carry_out_soon(selection.pk)
    selection.refresh_from_db()
    return Response(_shown(selection), status=202)


def _shown(selection: Selection) -> dict[str, Any]:
    return {
        "id": str(selection.pk),
        "deed": selection.deed,
        "digest": selection.digest,
        "created_at": to_time(selection.created_at),
        "expires_at": to_time(selection.expires_at),
        "confirmed_at": to_time(selection.confirmed_at),
        "finished_at": to_time(selection.finished_at),
        "runs": [
            {
                "run": str(line.run.pk),
                "status": line.run.status,
                "would_change": bool(line.would),
                "why_not": line.why_not,
                "done": line.result.is_done if line.result else None,
                "code": line.result.code if line.result else "",
                "sentence": line.result.sentence if line.result else "",
            }
            for line in selections.lines_of(selection)
        ],
    }
