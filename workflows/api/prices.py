"""Prices, for programs: of one deployment, of all, and many at once from a sheet."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape, to_time
from tenancy.permissions import Permission
from workflows import price_sheet, price_table
from workflows.api.shapes import PriceInput, PriceShape, price_to_json
from workflows.models import Deployment
from workflows.price_sheet import Row
from workflows.providers import register

ORDER = ("-valid_from", "-id")


class PriceEndInput(serializers.Serializer[Any]):
    valid_from = serializers.DateTimeField(required=False, help_text="Now, when not said.")


class PriceSheetInput(serializers.Serializer[Any]):
    csv = serializers.CharField(
        trim_whitespace=False,
        max_length=price_sheet.MOST_BYTES,
        help_text=f"Comma-separated values with the columns {', '.join(price_sheet.COLUMNS)}; the last two may be "
        "left out. Amounts are decimals for a million tokens.",
    )
    dry_run = serializers.BooleanField(default=True)


class PriceLineShape(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    deployment = serializers.CharField()
    input_micros_per_million = serializers.IntegerField()
    output_micros_per_million = serializers.IntegerField()
    currency = serializers.CharField()
    valid_from = serializers.CharField(allow_null=True, help_text="Null is now.")


class LineFaultShape(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    sentence = serializers.CharField()


class PriceSheetShape(serializers.Serializer[Any]):
    """What a sheet would set, and which of its lines are wrong. It is taken over as a whole or not at all."""

    dry_run = serializers.BooleanField()
    taken = serializers.IntegerField(help_text="How many prices were set.")
    items = PriceLineShape(many=True)
    faults = LineFaultShape(many=True)


class PriceTable(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="price_table_list", responses=page_shape(PriceShape))
    def get(self, request: Request) -> Response:
        """All prices that were ever set, of all deployments, the latest first."""
        return page_of(price_table.history(), request, to_json=price_to_json, order=ORDER)


class PriceList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="prices_list", responses=page_shape(PriceShape))
    def get(self, request: Request, name: str) -> Response:
        rows = price_table.history(_deployment(name))
        return page_of(rows, request, to_json=price_to_json, order=ORDER)

    @extend_schema(operation_id="prices_set", request=PriceInput, responses={201: PriceShape})
    @idempotent()
    def post(self, request: Request, name: str) -> Response:
        """The price from a moment on (now, when not said), never in the past. Earlier prices stay as they were."""
        facts = _checked(PriceInput, request)
        price = register.set_price(deployment=_deployment(name), by=actor_of(request), **facts)
        return Response(price_to_json(price), status=status.HTTP_201_CREATED)


class PriceEnd(APIView):
    required_permissions = {"post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="prices_end", request=PriceEndInput, responses={201: PriceShape})
    @idempotent()
    def post(self, request: Request, name: str) -> Response:
        """From a moment on nobody knows what it costs: its calls are denied, until another price holds."""
        facts = _checked(PriceEndInput, request)
        price = register.end_price(deployment=_deployment(name), by=actor_of(request), **facts)
        return Response(price_to_json(price), status=status.HTTP_201_CREATED)


class PriceImport(APIView):
    required_permissions = {"post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="prices_import", request=PriceSheetInput, responses=PriceSheetShape)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Check a sheet of prices; with `dry_run: false` set all of them, or none where a line is wrong."""
        asked = _checked(PriceSheetInput, request)
        sheet = price_sheet.read(asked["csv"])
        taken = [] if asked["dry_run"] else price_sheet.take(sheet=sheet, by=actor_of(request))
        return Response(
            {
                "dry_run": asked["dry_run"],
                "taken": len(taken),
                "items": [row_to_json(row) for row in sheet.rows],
                "faults": price_sheet.to_json(sheet.faults),
            }
        )


def row_to_json(row: Row) -> dict[str, Any]:
    return {
        "line": row.number,
        "deployment": row.deployment.name,
        "input_micros_per_million": row.input_micros,
        "output_micros_per_million": row.output_micros,
        "currency": row.currency,
        "valid_from": to_time(row.valid_from),
    }


def _deployment(name: str) -> Deployment:
    return get_object_or_404(Deployment.objects, name=name)


def _checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)
