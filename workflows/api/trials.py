"""Testing a connection, and what each kind of provider and way to sign in asks for, for programs."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import actor_of
from tenancy.api.shapes import Amount
from tenancy.money import to_money
from tenancy.permissions import Permission
from workflows.models import Auth, Deployment, Provider, ProviderKind
from workflows.providers import trials
from workflows.providers.connection_settings import (
    ADDRESSES,
    AUTHS_OF_KIND,
    OF_ALL,
    OF_AUTH,
    OF_KIND,
    SECRETS_OF_AUTH,
    SecretRole,
    Setting,
)
from workflows.providers.trials import Trial


class TrialShape(serializers.Serializer[Any]):
    """What came of one minimal call. `kind` is that of the failure, empty when it passed."""

    deployment = serializers.CharField()
    passed = serializers.BooleanField()
    kind = serializers.CharField(allow_blank=True)
    sentence = serializers.CharField()
    seconds = serializers.FloatField()
    first_token_seconds = serializers.FloatField(allow_null=True)
    model = serializers.CharField(allow_blank=True)
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = Amount(allow_null=True)


class SettingShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    type = serializers.ChoiceField(choices=["string", "boolean"])
    is_required = serializers.BooleanField()
    choices = serializers.ListField(child=serializers.CharField())
    usual = serializers.CharField(allow_blank=True, help_text="What counts when it is not set.")


class SecretRoleShape(serializers.Serializer[Any]):
    """The first goes into `secret_name`, the others into `more_secrets` under their name."""

    name = serializers.CharField()
    title = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    is_required = serializers.BooleanField()


class ProviderKindShape(serializers.Serializer[Any]):
    kind = serializers.CharField()
    title = serializers.CharField()
    address = serializers.CharField(allow_blank=True)
    settings = SettingShape(many=True)
    auths = serializers.ListField(child=serializers.CharField())


class AuthShape(serializers.Serializer[Any]):
    auth = serializers.CharField()
    title = serializers.CharField()
    settings = SettingShape(many=True)
    secrets = SecretRoleShape(many=True)


class ProviderKindsShape(serializers.Serializer[Any]):
    kinds = ProviderKindShape(many=True)
    auths = AuthShape(many=True)
    settings_of_all = SettingShape(many=True)


class ProviderTrial(APIView):
    required_permissions = {"post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="providers_test", request=None, responses=TrialShape)
    def post(self, request: Request, name: str) -> Response:
        """One minimal call to its first deployment that is enabled, or else its first. Nothing of yours goes along."""
        provider = get_object_or_404(Provider.objects, name=name)
        return Response(trial_to_json(trials.of_provider(provider=provider, by=actor_of(request))))


class DeploymentTrial(APIView):
    required_permissions = {"post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="deployments_test", request=None, responses=TrialShape)
    def post(self, request: Request, name: str) -> Response:
        """One minimal call to this deployment, also when it is disabled. Nothing of yours goes along."""
        deployment = get_object_or_404(Deployment.objects.select_related("provider"), name=name)
        return Response(trial_to_json(trials.run(deployment=deployment, by=actor_of(request))))


class ProviderKinds(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="provider_kinds", responses=ProviderKindsShape)
    def get(self, request: Request) -> Response:
        """The kinds of providers, the ways to sign in to each, and the settings and secrets that both ask for."""
        kinds = [
            {
                "kind": kind.value,
                "title": kind.label,
                "address": ADDRESSES[kind],
                "settings": [_setting_to_json(each) for each in OF_KIND[kind]],
                "auths": list(AUTHS_OF_KIND[kind]),
            }
            for kind in ProviderKind
        ]
        auths = [
            {
                "auth": auth.value,
                "title": auth.label,
                "settings": [_setting_to_json(each) for each in OF_AUTH[auth]],
                "secrets": [_secret_to_json(each) for each in SECRETS_OF_AUTH[auth]],
            }
            for auth in Auth
        ]
        of_all = [_setting_to_json(each) for each in OF_ALL]
        return Response({"kinds": kinds, "auths": auths, "settings_of_all": of_all})


def trial_to_json(trial: Trial) -> dict[str, Any]:
    cost = trial.cost
    return {
        "deployment": trial.deployment,
        "passed": trial.passed,
        "kind": trial.kind,
        "sentence": trial.sentence,
        "seconds": round(trial.seconds, 3),
        "first_token_seconds": trial.first_token_seconds,
        "model": trial.model,
        "tokens_in": trial.tokens_in,
        "tokens_out": trial.tokens_out,
        "cost": to_money(cost.micros, cost.currency) if cost else None,
    }


def _setting_to_json(setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.name,
        "title": setting.label,
        "hint": setting.hint,
        "type": "boolean" if setting.is_switch else "string",
        "is_required": setting.required,
        "choices": list(setting.choices),
        "usual": _usual(setting),
    }


def _usual(setting: Setting) -> str:
    if setting.is_switch:
        return "true" if setting.default else "false"
    return setting.default


def _secret_to_json(role: SecretRole) -> dict[str, Any]:
    return {
        "name": role.name,
        "title": role.label,
        "hint": role.hint,
        "is_required": role.required,
    }
