"""Testing all deployments at once, and providers as a table, for programs."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import spreadsheets
from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.shapes import Amount, to_time
from tenancy.money import to_money
from tenancy.permissions import Permission
from workflows import provider_table
from workflows.models import Provider, TrialCall, TrialRound, TrialStatus
from workflows.providers import overview, trial_rounds
from workflows.providers.trial_rounds import Progress
from workflows.views.trial_rounds import carry_out_soon


class TrialCallShape(serializers.Serializer[Any]):
    """One test of a round."""

    provider = serializers.CharField()
    deployment = serializers.CharField()
    status = serializers.ChoiceField(choices=TrialStatus.choices)
    kind = serializers.CharField(allow_blank=True, help_text="Of the failure, or empty.")
    sentence = serializers.CharField(allow_blank=True)
    seconds = serializers.FloatField(allow_null=True)
    model = serializers.CharField(allow_blank=True)
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = Amount(allow_null=True, help_text="Null where no price is known.")


class TrialRoundShape(serializers.Serializer[Any]):
    """A round under way has no end yet."""

    id = serializers.UUIDField()
    begun_at = serializers.CharField()
    ended_at = serializers.CharField(allow_null=True)
    done = serializers.IntegerField()
    items = TrialCallShape(many=True)


class TrialRounds(APIView):
    required_permissions = {"post": Permission.PROVIDER_EDIT}

    @extend_schema(
        operation_id="provider_tests_begin", request=None, responses={202: TrialRoundShape}
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Test every deployment in use with one minimal call. Where a round is under way, that is answered."""
        begun = trial_rounds.begin(by=actor_of(request))
        carry_out_soon(begun)
        return Response(_to_json(trial_rounds.progress_of(begun)), status=202)


class TrialRoundResource(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="provider_tests_get", responses=TrialRoundShape)
    def get(self, request: Request, round_id: UUID) -> Response:
        """How far a round of tests is, and what each of them found."""
        found = get_object_or_404(TrialRound.objects, pk=round_id)
        return Response(_to_json(trial_rounds.progress_of(found)))


class ProviderTable(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="providers_table", responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """All providers as CSV, a line for each deployment: papers, credentials, health and spend of 24 hours."""
        rows = overview.of(Provider.objects.all())
        return HttpResponse(
            spreadsheets.to_csv(provider_table.HEADS, provider_table.lines(rows)),
            content_type="text/csv; charset=utf-8",
        )


def _to_json(progress: Progress) -> dict[str, Any]:
    return {
        "id": str(progress.round.pk),
        "begun_at": to_time(progress.round.begun_at),
        "ended_at": to_time(progress.round.ended_at),
        "done": progress.done,
        "items": [_call_to_json(call) for call in progress.calls],
    }


def _call_to_json(call: TrialCall) -> dict[str, Any]:
    return {
        "provider": call.deployment.provider.name,
        "deployment": call.deployment.name,
        "status": call.status,
        "kind": call.error_kind,
        "sentence": call.sentence,
        "seconds": call.seconds,
        "model": call.model_answered,
        "tokens_in": call.tokens_in,
        "tokens_out": call.tokens_out,
        "cost": to_money(call.cost_micros, call.currency) if call.currency else None,
    }
