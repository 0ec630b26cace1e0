"""Alerts over the API: read by every member, acknowledged with a reason."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance import alerts
from compliance.api.serializers import ActorShown
from compliance.models import Alert, AlertKind
from compliance.models.alert import Severity
from tenancy import access
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape, to_time
from tenancy.permissions import Permission

STATES = ("waiting", "acknowledged")


class AlertSubjectShape(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="Such as `budget`, `deployment`, `provider`, `secret`.")
    id = serializers.CharField()
    name = serializers.CharField()


class AcknowledgementShape(serializers.Serializer[Any]):
    at = serializers.CharField()
    by = ActorShown()
    reason = serializers.CharField()


class AlertShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=AlertKind.choices)
    severity = serializers.ChoiceField(choices=Severity.choices)
    subject = AlertSubjectShape()
    sentence = serializers.CharField()
    raised_at = serializers.CharField()
    over_at = serializers.CharField(
        allow_null=True,
        help_text="When what it tells of ended by itself, such as a deployment that answers again.",
    )
    acknowledged = AcknowledgementShape(allow_null=True)


class AlertQuestion(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=STATES, required=False)
    kind = serializers.ChoiceField(choices=AlertKind.choices, required=False)


class AcknowledgeInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=alerts.LONGEST_REASON)


class Alerts(APIView):
    required_permissions = {"get": Permission.DECISION_VIEW}

    @extend_schema(
        operation_id="alerts_list",
        parameters=[
            OpenApiParameter("state", enum=STATES),
            OpenApiParameter("kind", enum=AlertKind.values),
        ],
        responses=page_shape(AlertShape),
    )
    def get(self, request: Request) -> Response:
        """Alerts, newest first, in pages by key: all of them, or those that wait."""
        asked = AlertQuestion(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows = alerts.matching(**asked.validated_data)
        return page_of(rows, request, to_json=alert_to_json)


class OneAlert(APIView):
    required_permissions = {"get": Permission.DECISION_VIEW}

    @extend_schema(operation_id="alerts_get", responses=AlertShape)
    def get(self, request: Request, alert_id: UUID) -> Response:
        return Response(alert_to_json(alerts.get_alert(alert_id)))


class AlertAcknowledgement(APIView):
    required_permissions = {"post": Permission.ALERT_ACKNOWLEDGE}

    @extend_schema(
        operation_id="alerts_acknowledge", request=AcknowledgeInput, responses=AlertShape
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Say that somebody has seen to it. The first one counts."""
        asked = AcknowledgeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        alert = alerts.get_alert(alert_id)
        alerts.acknowledge(
            alert=alert, reason=asked.validated_data["reason"], by=access.actor_of(request)
        )
        return Response(alert_to_json(alert))


def alert_to_json(alert: Alert) -> dict[str, Any]:
    acknowledged = None
    if alert.acknowledged_at is not None:
        acknowledged = {
            "at": to_time(alert.acknowledged_at),
            "by": {"kind": alert.actor_kind, "id": alert.actor_id},
            "reason": alert.reason,
        }
    return {
        "id": str(alert.pk),
        "kind": alert.kind,
        "severity": alert.severity,
        "subject": {"kind": alert.subject_kind, "id": alert.subject_id, "name": alert.name},
        "sentence": alert.sentence,
        "raised_at": to_time(alert.raised_at),
        "over_at": to_time(alert.over_at),
        "acknowledged": acknowledged,
    }
