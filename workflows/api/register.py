"""The register and the records of processing, for programs."""

from typing import Any

from django.http import Http404
from django.utils.timezone import now
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import can
from tenancy.api.shapes import to_time
from tenancy.permissions import Permission
from workflows import inventory, processing
from workflows.api.moments import find_asked_moment
from workflows.inventory import FILTERS, Entry, Kind
from workflows.processing import Record

AS_OF = OpenApiParameter("as_of", OpenApiTypes.DATETIME, description="Now when left out.")
NARROW = [OpenApiParameter(name, str) for name in FILTERS if name != "kind"]


class RiskShape(serializers.Serializer[Any]):
    tier = serializers.ChoiceField(choices=["low", "medium", "high"])
    points = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField())


class EntryShape(serializers.Serializer[Any]):
    """One thing of the register. `idle` says why it is live though nobody uses it."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    name = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    state = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(allow_null=True)
    data_class = serializers.CharField(allow_blank=True)
    owner = serializers.CharField(allow_blank=True)
    risk = RiskShape(allow_null=True)
    uses = serializers.ListField(child=serializers.CharField())
    used_by = serializers.ListField(child=serializers.CharField())
    place = serializers.CharField(allow_blank=True)
    papers = serializers.CharField(allow_blank=True)
    last_run_at = serializers.CharField(allow_null=True)
    idle = serializers.CharField(allow_blank=True)
    sign_off = serializers.CharField(
        allow_blank=True, help_text="Of a workflow in use: as it stood at that moment."
    )


class RegisterShape(serializers.Serializer[Any]):
    as_of = serializers.CharField()
    items = EntryShape(many=True)


class RecipientShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    what = serializers.ChoiceField(choices=["model", "tool"])
    region = serializers.CharField(allow_blank=True)
    is_external = serializers.BooleanField()
    is_away = serializers.BooleanField(help_text="Outside, and not in a region known as home.")
    papers = serializers.CharField(allow_blank=True)


class RecordShape(serializers.Serializer[Any]):
    """A technical aid for a record under GDPR Art. 30: it does not make anybody compliant."""

    workflow = serializers.CharField()
    title = serializers.CharField()
    version = serializers.IntegerField()
    controller = serializers.CharField()
    owner = serializers.CharField(allow_blank=True)
    purpose = serializers.CharField(allow_blank=True)
    legal_basis = serializers.CharField(allow_blank=True)
    people_concerned = serializers.CharField(allow_blank=True)
    data_class = serializers.CharField()
    marks = serializers.ListField(child=serializers.CharField())
    recipients = RecipientShape(many=True)
    retention_days = serializers.IntegerField(allow_null=True)
    missing = serializers.ListField(child=serializers.CharField())
    markdown = serializers.CharField()


class RecordsShape(serializers.Serializer[Any]):
    as_of = serializers.CharField()
    items = RecordShape(many=True)


class Register(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(
        operation_id="register_list",
        parameters=[
            AS_OF,
            OpenApiParameter("kind", str, enum=[kind.value for kind in Kind]),
            *NARROW,
        ],
        responses=RegisterShape,
    )
    def get(self, request: Request) -> Response:
        """Workflows, models, tools, providers, secrets (names only) and data classes, as they stood. No agents yet."""
        as_of = find_asked_moment(request, "as_of")
        at = as_of or now()
        names = inventory.secret_names(at) if can(request._request, Permission.SECRET_VIEW) else ()
        entries = inventory.narrow(
            inventory.find(at, is_now=as_of is None, secrets=names),
            {name: request.query_params.get(name, "") for name in FILTERS},
        )
        items = [_entry_to_json(entry) for entry in entries]
        return Response({"as_of": to_time(at), "items": items})


class ProcessingRecords(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="processing_list", parameters=[AS_OF], responses=RecordsShape)
    def get(self, request: Request) -> Response:
        """The record of processing of every workflow in use at a moment."""
        at = find_asked_moment(request, "as_of") or now()
        items = [_record_to_json(record) for record in processing.find_all(at)]
        return Response({"as_of": to_time(at), "items": items})


class ProcessingRecord(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="processing_get", parameters=[AS_OF], responses=RecordShape)
    def get(self, request: Request, slug: str) -> Response:
        """The record of processing of one workflow."""
        record = processing.find(slug, find_asked_moment(request, "as_of") or now())
        if record is None:
            raise Http404
        return Response(_record_to_json(record))


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    risk = entry.risk
    return {
        "kind": entry.kind.value,
        "name": entry.name,
        "title": entry.title,
        "state": entry.state,
        "version": entry.version,
        "data_class": entry.data_class,
        "owner": entry.owner,
        "risk": risk
        and {"tier": risk.tier.value, "points": risk.points, "reasons": list(risk.reasons)},
        "uses": list(entry.uses),
        "used_by": list(entry.used_by),
        "place": entry.place,
        "papers": entry.papers,
        "last_run_at": to_time(entry.last_run_at),
        "idle": entry.idle,
        "sign_off": entry.sign_off,
    }


def _record_to_json(record: Record) -> dict[str, Any]:
    return {
        "workflow": record.workflow,
        "title": record.title,
        "version": record.version,
        "controller": record.controller,
        "owner": record.owner,
        "purpose": record.purpose,
        "legal_basis": record.legal_basis,
        "people_concerned": record.people_concerned,
        "data_class": record.data_class.word,
        "marks": list(record.marks),
        "recipients": [
            {
                "name": each.name,
                "title": each.title,
                "what": each.what,
                "region": each.region,
                "is_external": each.is_external,
                "is_away": each.is_away,
                "papers": each.papers,
            }
            for each in record.recipients
        ],
        "retention_days": record.retention_days,
        "missing": list(record.missing),
        "markdown": processing.to_markdown(record),
    }
