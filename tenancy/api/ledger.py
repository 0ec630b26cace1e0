"""The ledger for programs: entries, newest first, each with its place once the sequencer gave it one."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape, to_time
from tenancy.models import LedgerEntry
from tenancy.permissions import Permission

FILTERS = {"event": "event", "subject": "subject_id", "actor": "actor_id"}


class LedgerEntryShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    at = serializers.CharField()
    event = serializers.CharField()
    subject = serializers.DictField(child=serializers.CharField())
    actor = serializers.DictField(child=serializers.CharField())
    facts = serializers.DictField()
    leaf_index = serializers.IntegerField(allow_null=True)


class LedgerList(APIView):
    """What happened in this tenant."""

    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(
        operation_id="ledger_list",
        parameters=[OpenApiParameter(name) for name in FILTERS],
        responses=page_shape(LedgerEntryShape),
    )
    def get(self, request: Request) -> Response:
        wanted = {
            column: request.GET[name] for name, column in FILTERS.items() if request.GET.get(name)
        }
        rows = LedgerEntry.objects.prefetch_related("leaf").filter(**wanted)
        return page_of(rows, request, to_json=_to_json)


def _to_json(entry: LedgerEntry) -> dict[str, Any]:
    leaf = next(iter(entry.leaf.all()), None)
    return {
        "id": str(entry.pk),
        "at": to_time(entry.at),
        "event": entry.event,
        "subject": {"kind": entry.subject_kind, "id": entry.subject_id},
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id},
        "facts": entry.facts,
        "leaf_index": None if leaf is None else leaf.index,
    }
