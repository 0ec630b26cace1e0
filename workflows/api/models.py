"""Providers, deployments and model groups, for programs. No secret is ever shown, only the name of one."""

from collections.abc import Sequence

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission
from workflows import model_groups
from workflows.api.shapes import (
    DeploymentShape,
    ModelGroupInput,
    ModelGroupShape,
    NewModelGroupInput,
    ProviderShape,
    deployment_to_json,
    group_to_json,
    provider_to_json,
)
from workflows.errors import ModelGroupInvalid
from workflows.models import Deployment, ModelGroup, Provider


class ProviderList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="providers_list", responses=page_shape(ProviderShape))
    def get(self, request: Request) -> Response:
        return page_of(Provider.objects.all(), request, to_json=provider_to_json)


class DeploymentList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="deployments_list", responses=page_shape(DeploymentShape))
    def get(self, request: Request) -> Response:
        rows = Deployment.objects.select_related("provider")
        return page_of(rows, request, to_json=deployment_to_json)


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
        asked = NewModelGroupInput(data=request.data)
        asked.is_valid(raise_exception=True)
        group = model_groups.create(
            name=asked.validated_data["name"],
            deployments=_deployments(asked.validated_data["deployments"]),
            by=actor_of(request),
        )
        address = reverse("api-workflows:model-group", args=[group.name])
        return Response(
            group_to_json(group), status=status.HTTP_201_CREATED, headers={"Location": address}
        )


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
        asked = ModelGroupInput(data=request.data)
        asked.is_valid(raise_exception=True)
        group = get_object_or_404(ModelGroup.objects, name=name)
        model_groups.repoint(
            group=group,
            deployments=_deployments(asked.validated_data["deployments"]),
            by=actor_of(request),
        )
        return Response(group_to_json(group))


def _deployments(names: Sequence[str]) -> list[Deployment]:
    known = {each.name: each for each in Deployment.objects.filter(name__in=names)}
    if missing := [name for name in names if name not in known]:
        raise ModelGroupInvalid(f"There is no deployment “{missing[0]}”.")
    return [known[name] for name in names]
