"""Where tool calls may go and where objects are kept, for programs. No secret is ever shown, only the name of one."""

from typing import Any

from django.db.models import QuerySet
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
from workflows import destinations, storage_profiles
from workflows.api.destination_shapes import (
    DestinationChange,
    DestinationInput,
    DestinationShape,
    StorageProfileChange,
    StorageProfileInput,
    StorageProfileShape,
    StoredObjectShape,
    destination_to_json,
    profile_to_json,
    stored_object_to_json,
)
from workflows.models import Destination, StorageProfile, StoredObject

CLASSES = ("clearance", "answer_class")


class DestinationList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="destinations_list", responses=page_shape(DestinationShape))
    def get(self, request: Request) -> Response:
        return page_of(Destination.objects.all(), request, to_json=destination_to_json)

    @extend_schema(
        operation_id="destinations_create",
        request=DestinationInput,
        responses={201: DestinationShape},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """A host that tool calls may reach from now on. What is not said of it is taken at its worst."""
        made = destinations.create(by=actor_of(request), **_checked(DestinationInput, request))
        return _created(destination_to_json(made), "destination", made.name)


class DestinationResource(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "patch": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="destinations_get", responses=DestinationShape)
    def get(self, request: Request, name: str) -> Response:
        return Response(destination_to_json(get_object_or_404(Destination.objects, name=name)))

    @extend_schema(
        operation_id="destinations_change", request=DestinationChange, responses=DestinationShape
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change what is sent, and leave the rest. The next tool call goes by it."""
        found = get_object_or_404(Destination.objects, name=name)
        facts = _checked(DestinationChange, request)
        destinations.change(destination=found, by=actor_of(request), **facts)
        return self.get(request, name)


class StorageProfileList(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "post": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="storage_profiles_list", responses=page_shape(StorageProfileShape))
    def get(self, request: Request) -> Response:
        return page_of(StorageProfile.objects.all(), request, to_json=profile_to_json)

    @extend_schema(
        operation_id="storage_profiles_create",
        request=StorageProfileInput,
        responses={201: StorageProfileShape},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        facts = _checked(StorageProfileInput, request)
        made = storage_profiles.create(by=actor_of(request), **facts)
        return _created(profile_to_json(made), "storage-profile", made.name)


class StorageProfileResource(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "patch": Permission.PROVIDER_EDIT}

    @extend_schema(operation_id="storage_profiles_get", responses=StorageProfileShape)
    def get(self, request: Request, name: str) -> Response:
        return Response(profile_to_json(get_object_or_404(StorageProfile.objects, name=name)))

    @extend_schema(
        operation_id="storage_profiles_change",
        request=StorageProfileChange,
        responses=StorageProfileShape,
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change what is sent, and leave the rest. What is kept there stays."""
        found = get_object_or_404(StorageProfile.objects, name=name)
        facts = _checked(StorageProfileChange, request)
        storage_profiles.change(profile=found, by=actor_of(request), **facts)
        return self.get(request, name)


class StoredObjects(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="stored_objects_list", responses=page_shape(StoredObjectShape))
    def get(self, request: Request, name: str) -> Response:
        """Every version of every object in a profile, newest first: what there is, not what it says."""
        profile = get_object_or_404(StorageProfile.objects, name=name)
        rows: QuerySet[StoredObject] = StoredObject.objects.filter(profile=profile)
        return page_of(rows, request, to_json=stored_object_to_json)


def _checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent, with classes as levels instead of words."""
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    facts = dict(asked.validated_data)
    for name in CLASSES:
        if name in facts:
            facts[name] = int(DataClass.from_word(facts[name]))
    return facts


def _created(shown: dict[str, Any], resource: str, name: str) -> Response:
    address = reverse(f"api-workflows:{resource}", args=[name])
    return Response(shown, status=status.HTTP_201_CREATED, headers={"Location": address})
