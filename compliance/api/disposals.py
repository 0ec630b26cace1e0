"""Disposals: a dry run first, then exactly that; and the log of all of them."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance import disposal
from compliance.api.serializers import (
    AskDisposal,
    AskLog,
    DisposalAnswer,
    DisposalPlanShown,
    DisposalShown,
    DisposedRecordShown,
)
from compliance.models import Disposal
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission


class Disposals(APIView):
    required_permissions = {
        "get": Permission.DISPOSAL_VIEW,
        "post": Permission.DISPOSAL_EXECUTE,
    }

    @extend_schema(
        operation_id="disposals_list", parameters=[AskLog], responses=page_shape(DisposalShown)
    )
    def get(self, request: Request) -> Response:
        """The log, newest first: by kind, record, owner label and dates."""
        asked = AskLog(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        rows = Disposal.objects.matching(
            kind=wanted["kind"],
            record_id=wanted.get("record"),
            owner_digest=disposal.owner_digest_of(wanted["owner"]),
            since=wanted.get("since"),
            until=wanted.get("until"),
        ).prefetch_related("confirmations")
        return page_of(rows, request, to_json=lambda row: DisposalShown(row).data)

    @extend_schema(
        operation_id="disposals_create",
        request=AskDisposal,
        responses={200: DisposalAnswer, 201: DisposalAnswer},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """A dry run unless `dry_run` is false; then the plan of a dry run is executed."""
        asked = AskDisposal(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted, by = asked.validated_data, request._request.actor  # type: ignore[attr-defined]
        if wanted["dry_run"]:
            plan = disposal.plan(kind=wanted["kind"], target_id=wanted["id"], by=by)
            return Response({"dry_run": True, "plan": DisposalPlanShown(plan).data})
        done = disposal.execute(
            plan_id=wanted["plan"],
            by=by,
            legal_basis=wanted["legal_basis"],
            reason=wanted["reason"],
        )
        answer = {"dry_run": False, "disposal": DisposalShown(done).data}
        return Response(answer, status=status.HTTP_201_CREATED)


class OneDisposal(APIView):
    required_permissions = {"get": Permission.DISPOSAL_VIEW}

    @extend_schema(operation_id="disposals_get", responses=DisposalShown)
    def get(self, request: Request, disposal_id: UUID) -> Response:
        return Response(DisposalShown(get_object_or_404(Disposal.objects, pk=disposal_id)).data)


class DisposedRecords(APIView):
    required_permissions = {"get": Permission.DISPOSAL_VIEW}

    @extend_schema(operation_id="disposed_records_list", responses=page_shape(DisposedRecordShown))
    def get(self, request: Request, disposal_id: UUID) -> Response:
        """The records that a disposal lists, with their keyed digests."""
        rows = get_object_or_404(Disposal.objects, pk=disposal_id).records.all()
        return page_of(
            rows, request, to_json=lambda row: DisposedRecordShown(row).data, order=("id",)
        )
