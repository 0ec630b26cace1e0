"""Workflows, their revisions and versions, for programs."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import actor_of, can
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission
from workflows import definition_schema, definitions, document, versions
from workflows.api.moments import find_asked_moment
from workflows.api.shapes import (
    DefinitionInput,
    NextDefinitionInput,
    ProblemShape,
    ReasonInput,
    RevisionShape,
    VersionInput,
    VersionShape,
    WholeRevisionShape,
    WorkflowShape,
    revision_to_json,
    version_to_json,
    whole_revision_to_json,
    workflow_to_json,
)
from workflows.models import DefinitionRevision, Workflow, WorkflowVersion
from workflows.source import Media


class WorkflowList(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW, "post": Permission.WORKFLOW_EDIT}

    @extend_schema(operation_id="workflows_list", responses=page_shape(WorkflowShape))
    def get(self, request: Request) -> Response:
        """Workflows, newest first. Those that were disposed of are tombstones with `disposed_at`."""
        return page_of(Workflow.objects.with_pointers(), request, to_json=workflow_to_json)

    @extend_schema(
        operation_id="workflows_import", request=DefinitionInput, responses={201: RevisionShape}
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Import a definition under its own name. Refused with every problem it has."""
        asked = checked(DefinitionInput, request)
        text, media = text_of(asked)
        revision = definitions.import_definition(
            text=text, media=media, summary=asked["summary"], by=actor_of(request)
        )
        return _created(revision_to_json(revision), _address("revision", revision))


class WorkflowResource(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="workflows_get", responses=WorkflowShape)
    def get(self, request: Request, slug: str) -> Response:
        return Response(workflow_to_json(_workflow(slug)))


class RevisionList(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW, "post": Permission.WORKFLOW_EDIT}

    @extend_schema(operation_id="revisions_list", responses=page_shape(RevisionShape))
    def get(self, request: Request, slug: str) -> Response:
        rows = _workflow(slug).revisions.select_related("workflow")
        return page_of(rows, request, to_json=revision_to_json)

    @extend_schema(
        operation_id="revisions_save", request=NextDefinitionInput, responses={201: RevisionShape}
    )
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        """Save a draft, problems and all: `error_count` says how many keep it from being published."""
        asked = checked(NextDefinitionInput, request)
        workflow = _workflow(slug)
        text, media = text_of(asked)
        parent = _revision(slug, asked["parent"]) if asked["parent"] is not None else None
        revision = definitions.save(
            workflow=workflow,
            text=text,
            media=media,
            summary=asked["summary"],
            parent=parent,
            by=actor_of(request),
        )
        return _created(revision_to_json(revision), _address("revision", revision))


class RevisionResource(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="revisions_get", responses=WholeRevisionShape)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """What a revision says. Without `payload.view` the texts of prompts are left out (`is_masked`)."""
        may_read = can(request._request, Permission.PAYLOAD_VIEW)
        return Response(whole_revision_to_json(_revision(slug, number), may_read=may_read))


class VersionList(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW, "post": Permission.WORKFLOW_EDIT}

    @extend_schema(operation_id="versions_list", responses=page_shape(VersionShape))
    def get(self, request: Request, slug: str) -> Response:
        return page_of(_versions(slug), request, to_json=version_to_json)

    @extend_schema(
        operation_id="versions_create", request=VersionInput, responses={201: VersionShape}
    )
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        """Number a revision, so that somebody else can publish it."""
        revision = _revision(slug, checked(VersionInput, request)["revision"])
        version = versions.create(revision=revision, by=actor_of(request))
        return _created(version_to_json(version), _address("version", version))


class VersionResource(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="versions_get", responses=VersionShape)
    def get(self, request: Request, slug: str, number: int) -> Response:
        return Response(version_to_json(_version(slug, number)))


class Publication(APIView):
    required_permissions = {"post": Permission.WORKFLOW_PUBLISH}

    @extend_schema(operation_id="versions_publish", request=ReasonInput, responses=VersionShape)
    @idempotent()
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Let new runs take this version; the one published before retires with it."""
        reason = checked(ReasonInput, request)["reason"]
        versions.publish(version=_version(slug, number), by=actor_of(request), reason=reason)
        return Response(version_to_json(_version(slug, number)))


class Retirement(APIView):
    required_permissions = {"post": Permission.WORKFLOW_RETIRE}

    @extend_schema(operation_id="versions_retire", request=ReasonInput, responses=VersionShape)
    @idempotent()
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Let no new run take this version."""
        reason = checked(ReasonInput, request)["reason"]
        versions.retire(version=_version(slug, number), by=actor_of(request), reason=reason)
        return Response(version_to_json(_version(slug, number)))


class Document(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(
        operation_id="versions_document",
        parameters=[OpenApiParameter("as_of", OpenApiTypes.DATETIME)],
        responses={(200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, slug: str, number: int) -> HttpResponse:
        """The document in markdown: the same bytes for the same version and moment.

        Without `payload.view` it is a copy without the texts of prompts, which names the digest of the whole one.
        """
        as_of = find_asked_moment(request, "as_of")
        may_read = can(request._request, Permission.PAYLOAD_VIEW)
        version = _version(slug, number)
        text = document.copy_for(version=version, as_of=as_of, may_read=may_read).text
        return HttpResponse(
            text,
            content_type="text/markdown; charset=utf-8",
            headers={"Repr-Digest": _repr_digest(text)},
        )


class DefinitionCheck(APIView):
    required_permissions = {"post": Permission.WORKFLOW_EDIT}

    @extend_schema(
        operation_id="definitions_check",
        request=DefinitionInput,
        responses=ProblemShape(many=True),
    )
    def post(self, request: Request) -> Response:
        """List what is wrong with a definition, without saving anything."""
        text, media = text_of(checked(DefinitionInput, request))
        reading = definitions.read(text, media=media)
        return Response([problem.to_json() for problem in reading.problems])


class DefinitionSchema(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="definition_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """The JSON Schema (2020-12) of a definition."""
        return Response(definition_schema.definition_schema())


def _workflow(slug: str) -> Workflow:
    return get_object_or_404(Workflow.objects.with_pointers(), slug=slug)


def _revision(slug: str, number: int) -> DefinitionRevision:
    rows = DefinitionRevision.objects.select_related("workflow")
    return get_object_or_404(rows, workflow__slug=slug, number=number)


def _versions(slug: str) -> Any:
    rows = WorkflowVersion.objects.filter(workflow=_workflow(slug))
    return rows.select_related("workflow", "revision").with_state()


def _version(slug: str, number: int) -> WorkflowVersion:
    version: WorkflowVersion = get_object_or_404(_versions(slug), number=number)
    return version


def checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent, in this shape. Raises ValidationError."""
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def text_of(asked: Mapping[str, Any]) -> tuple[str, Media]:
    """An object is kept as JSON, a text as it was typed."""
    given = asked["definition"]
    if isinstance(given, str):
        return given, asked["media"]
    return orjson.dumps(given, option=orjson.OPT_INDENT_2).decode(), "json"


def _repr_digest(text: str) -> str:
    """RFC 9530."""
    return f"sha-256=:{b64encode(hashlib.sha256(text.encode()).digest()).decode()}:"


def _created(shown: dict[str, Any], address: str) -> Response:
    return Response(shown, status=status.HTTP_201_CREATED, headers={"Location": address})


def _address(name: str, row: DefinitionRevision | WorkflowVersion) -> str:
    return reverse(f"api-workflows:{name}", args=[row.workflow.slug, row.number])
