"""Providers, deployments and model groups, for programs. No secret is ever shown, only the name of one."""

from collections.abc import Sequence
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance.labels import DataClass
from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission
from workflows import model_groups
from workflows.api.shapes import (
    DeploymentChange,
    DeploymentInput,
    DeploymentShape,
    ModelGroupInput,
    ModelGroupShape,
    NewModelGroupInput,
    ProviderChange,
    ProviderInput,
    ProviderShape,
    deployment_to_json,
    group_to_json,
    provider_to_json,
)
from workflows.errors import ModelGroupInvalid, ProviderInvalid
from workflows.models import Deployment, ModelGroup, Provider
from workflows.providers import register


class ProviderList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="providers_list", responses=page_shape(ProviderShape))
    def get(self, request: Request) -> Response:
        return page_of(Provider.objects.all(), request, to_json=provider_to_json)

    @extend_schema(
        operation_id="providers_create", request=ProviderInput, responses={201: ProviderShape}
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        facts = _checked(ProviderInput, request)
        provider = register.create_provider(by=actor_of(request), **facts)
        return _created(provider_to_json(provider), "provider", provider.name)


class ProviderResource(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "patch": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="providers_get", responses=ProviderShape)
    def get(self, request: Request, name: str) -> Response:
        return Response(provider_to_json(get_object_or_404(Provider.objects, name=name)))

    @extend_schema(operation_id="providers_change", request=ProviderChange, responses=ProviderShape)
    def patch(self, request: Request, name: str) -> Response:
        """Change what is sent, and leave the rest. The next model call goes by it."""
        provider = get_object_or_404(Provider.objects, name=name)
        facts = _checked(ProviderChange, request)
        register.change_provider(provider=provider, by=actor_of(request), **facts)
        return self.get(request, name)


class DeploymentList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="deployments_list", responses=page_shape(DeploymentShape))
    def get(self, request: Request) -> Response:
        rows = Deployment.objects.select_related("provider")
        return page_of(rows, request, to_json=deployment_to_json)

    @extend_schema(
        operation_id="deployments_create", request=DeploymentInput, responses={201: DeploymentShape}
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """A model at a provider. Without a price nothing may be spent on it."""
        facts = _checked(DeploymentInput, request)
        provider = Provider.objects.filter(name=facts.pop("provider")).first()
        if provider is None:
            raise ProviderInvalid("There is no such provider.")
        deployment = register.create_deployment(
            provider=provider, by=actor_of(request), **_with_class(facts)
        )
        return _created(deployment_to_json(deployment), "deployment", deployment.name)


class DeploymentResource(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "patch": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="deployments_get", responses=DeploymentShape)
    def get(self, request: Request, name: str) -> Response:
        return Response(deployment_to_json(_deployment(name)))

    @extend_schema(
        operation_id="deployments_change", request=DeploymentChange, responses=DeploymentShape
    )
    def patch(self, request: Request, name: str) -> Response:
        facts = _with_class(_checked(DeploymentChange, request))
        register.change_deployment(deployment=_deployment(name), by=actor_of(request), **facts)
        return self.get(request, name)


class ModelGroupList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="model_groups_list", responses=page_shape(ModelGroupShape))
    def get(self, request: Request) -> Response:
        return page_of(ModelGroup.objects.all(), request, to_json=group_to_json)

    @extend_schema(
        operation_id="model_groups_create",
        request=NewModelGroupInput,
        responses={201: ModelGroupShape},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        asked = _checked(NewModelGroupInput, request)
        group = model_groups.create(
            name=asked["name"],
            deployments=_deployments(asked["deployments"]),
            by=actor_of(request),
        )
        return _created(group_to_json(group), "model-group", group.name)


class ModelGroupResource(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "put": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="model_groups_get", responses=ModelGroupShape)
    def get(self, request: Request, name: str) -> Response:
        return Response(group_to_json(get_object_or_404(ModelGroup.objects, name=name)))

    @extend_schema(
        operation_id="model_groups_repoint", request=ModelGroupInput, responses=ModelGroupShape
    )
    def put(self, request: Request, name: str) -> Response:
        """Give the group other deployments, or another order. Runs that began keep theirs."""
        asked = _checked(ModelGroupInput, request)
        group = get_object_or_404(ModelGroup.objects, name=name)
        model_groups.repoint(
            group=group,
            deployments=_deployments(asked["deployments"]),
            by=actor_of(request),
        )
        return Response(group_to_json(group))


def _deployment(name: str) -> Deployment:
    return get_object_or_404(Deployment.objects.select_related("provider"), name=name)


def _checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _with_class(facts: dict[str, Any]) -> dict[str, Any]:
    """The clearance as a level instead of a word."""
    if "clearance" in facts:
        facts["clearance"] = int(DataClass.from_word(facts["clearance"]))
    return facts


def _created(shown: dict[str, Any], resource: str, name: str) -> Response:
    address = reverse(f"api-workflows:{resource}", args=[name])
    return Response(shown, status=status.HTTP_201_CREATED, headers={"Location": address})


def _deployments(names: Sequence[str]) -> list[Deployment]:
    known = {each.name: each for each in Deployment.objects.filter(name__in=names)}
    if missing := [name for name in names if name not in known]:
        raise ModelGroupInvalid(f"There is no deployment “{missing[0]}”.")
    return [known[name] for name in names]
