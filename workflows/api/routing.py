"""Where calls would go now, where data classes may go, and how deployments are, for programs."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance.labels import DataClass
from tenancy.access import actor_of
from tenancy.api.shapes import Amount, to_time
from tenancy.money import to_money
from tenancy.permissions import Permission
from workflows.models import ClassPlacement, Deployment, ModelGroup
from workflows.providers import forecast, health, placements, routes
from workflows.providers.health import Health

CLASSES = [level.word for level in DataClass]


class LeftOutShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    code = serializers.CharField()
    sentence = serializers.CharField()


class ForecastShape(serializers.Serializer[Any]):
    data_class = serializers.ChoiceField(choices=CLASSES)
    tag = serializers.CharField(allow_blank=True, help_text="PII, PHI or empty.")
    verdict = serializers.ChoiceField(choices=["answers", "denied", "unavailable"])
    order = serializers.ListField(child=serializers.CharField())
    left_out = LeftOutShape(many=True)
    sentence = serializers.CharField()


class ForecastsShape(serializers.Serializer[Any]):
    items = ForecastShape(many=True)


class PlacementInput(serializers.Serializer[Any]):
    regions = serializers.ListField(child=serializers.CharField(max_length=31), default=list)
    providers = serializers.ListField(child=serializers.CharField(max_length=64), default=list)


class PlacementShape(PlacementInput):
    data_class = serializers.ChoiceField(choices=CLASSES)


class PlacementsShape(serializers.Serializer[Any]):
    items = PlacementShape(many=True)


class HourShape(serializers.Serializer[Any]):
    begins = serializers.CharField()
    calls = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]
    p95_ms = serializers.IntegerField(allow_null=True)


class HealthShape(serializers.Serializer[Any]):
    """Of the last 24 hours."""

    deployment = serializers.CharField()
    state = serializers.ChoiceField(
        choices=["disabled", "failing", "resting", "trial", "healthy", "idle"]
    )
    sentence = serializers.CharField()
    breaker = serializers.ChoiceField(choices=["closed", "resting", "open", "half_open"])
    open_until = serializers.CharField(allow_null=True)
    calls = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]
    refused_by_policy = serializers.IntegerField(help_text="Calls that did not leave.")
    p95_ms = serializers.IntegerField(allow_null=True)
    spend = Amount(many=True, help_text="By currency.")
    last_answer_at = serializers.CharField(allow_null=True)
    model_answered = serializers.CharField(allow_blank=True)
    probed_at = serializers.CharField(allow_null=True)
    probe_error = serializers.CharField(allow_blank=True)
    hours = HourShape(many=True)


class ModelGroupForecast(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="model_groups_forecast", responses=ForecastsShape)
    def get(self, request: Request, name: str) -> Response:
        """For each data class, who would answer a call now, and why the others would not."""
        get_object_or_404(ModelGroup.objects, name=name)
        known = routes.current()
        found = forecast.of_group(known.of_group(name), at=now(), placements=known.placements)
        return Response({"items": [forecast_to_json(each) for each in found]})


class PlacementList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="class_placements_list", responses=PlacementsShape)
    def get(self, request: Request) -> Response:
        """The classes that name where they may go. Another class goes by the nearest one below it."""
        return Response(
            {"items": [_placement_to_json(row) for row in ClassPlacement.objects.all()]}
        )


class PlacementResource(APIView):
    required_permissions = {"put": Permission.PROVIDER_EDIT}

    @extend_schema(
        operation_id="class_placements_set", request=PlacementInput, responses=PlacementShape
    )
    def put(self, request: Request, data_class: str) -> Response:
        """Name the regions and providers of a class; with neither, it goes by the class below it again."""
        if data_class not in CLASSES:
            raise Http404
        asked = PlacementInput(data=request.data)
        asked.is_valid(raise_exception=True)
        level = DataClass.from_word(data_class)
        placements.name(data_class=level, by=actor_of(request), **asked.validated_data)
        row = ClassPlacement.objects.filter(data_class=int(level)).first()
        return Response(
            _placement_to_json(
                row or ClassPlacement(data_class=int(level), regions=[], providers=[])
            )
        )


class DeploymentHealth(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="deployments_health", responses=HealthShape)
    def get(self, request: Request, name: str) -> Response:
        """How a deployment answered in the last 24 hours, hour by hour."""
        deployment = get_object_or_404(Deployment.objects.select_related("provider"), name=name)
        found = health.of([deployment])[deployment.pk]
        return Response({"deployment": deployment.name, **health_to_json(found)})


def forecast_to_json(each: forecast.Forecast) -> dict[str, Any]:
    return {
        "data_class": each.data_class,
        "tag": each.tag,
        "verdict": each.verdict,
        "order": list(each.order),
        "left_out": [out.to_json() for out in each.left_out],
        "sentence": each.sentence,
    }


def health_to_json(found: Health) -> dict[str, Any]:
    return {
        "state": found.state,
        "sentence": found.sentence,
        "breaker": found.breaker,
        "open_until": to_time(found.open_until),
        "calls": found.calls,
        "errors": found.errors,
        "refused_by_policy": found.refused,
        "p95_ms": found.p95_ms,
        "spend": [to_money(micros, currency) for currency, micros in found.spend.items()],
        "last_answer_at": to_time(found.last_answer_at),
        "model_answered": found.model_answered,
        "probed_at": to_time(found.probed_at),
        "probe_error": found.probe_error,
        "hours": [
            {
                "begins": to_time(hour.begins),
                "calls": hour.calls,
                "errors": hour.errors,
                "p95_ms": hour.p95_ms,
            }
            for hour in found.hours
        ],
    }


def _placement_to_json(row: ClassPlacement) -> dict[str, Any]:
    return {
        "data_class": DataClass(row.data_class).word,
        "regions": row.regions,
        "providers": row.providers,
    }
