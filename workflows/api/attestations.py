"""Sign-offs of documents, for programs: how they stand, and a person's signature."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape, to_time
from tenancy.permissions import Permission
from workflows import attestations
from workflows.api.shapes import AuthorShape, author_to_json
from workflows.attestations import LONGEST_STATEMENT, SignOff, Standing
from workflows.models import Attestation, Workflow, WorkflowVersion


class AttestationInput(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    digest = serializers.RegexField(
        r"^[0-9a-f]{64}$", help_text="SHA-256 of the document that was read."
    )
    statement = serializers.CharField(max_length=LONGEST_STATEMENT)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class AttestationShape(serializers.Serializer[Any]):
    """`envelope` is an in-toto statement in a DSSE envelope, signed with the tenant's key."""

    id = serializers.UUIDField()
    workflow = serializers.CharField()
    version = serializers.IntegerField()
    number = serializers.IntegerField()
    digest = serializers.CharField()
    as_of = serializers.CharField()
    statement = serializers.CharField()
    expires_at = serializers.CharField(allow_null=True)
    author = AuthorShape()
    envelope = serializers.JSONField()


class SignOffShape(serializers.Serializer[Any]):
    workflow = serializers.CharField()
    version = serializers.IntegerField()
    standing = serializers.ChoiceField(choices=[each.value for each in Standing])
    sentence = serializers.CharField()
    ends_at = serializers.CharField(allow_null=True)


class SignOffsShape(serializers.Serializer[Any]):
    items = SignOffShape(many=True)


class AttestationList(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW, "post": Permission.WORKFLOW_ATTEST}

    @extend_schema(operation_id="attestations_list", responses=page_shape(AttestationShape))
    def get(self, request: Request, slug: str) -> Response:
        """What was signed of a workflow, newest first."""
        rows = Attestation.objects.filter(workflow=_workflow(slug))
        return page_of(rows.select_related("version", "workflow"), request, to_json=_to_json)

    @extend_schema(
        operation_id="attestations_sign",
        request=AttestationInput,
        responses={201: AttestationShape},
    )
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        """Sign the document of the version in use: a person who wrote none of it. 412 when it says otherwise now."""
        workflow = _workflow(slug)
        asked = AttestationInput(data=request.data)
        asked.is_valid(raise_exception=True)
        said = dict(asked.validated_data)
        rows = WorkflowVersion.objects.filter(workflow=workflow)
        version = get_object_or_404(
            rows.select_related("workflow", "revision__workflow"), number=said.pop("version")
        )
        signed = attestations.sign(version=version, by=actor_of(request), **said)
        return Response(_to_json(signed), status=status.HTTP_201_CREATED)


class SignOffList(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(
        operation_id="sign_offs_list",
        parameters=[OpenApiParameter("overdue", bool, description="Only those to be signed.")],
        responses=SignOffsShape,
    )
    def get(self, request: Request) -> Response:
        """Every workflow in use, and how its sign-off stands."""
        found = attestations.find_all(attestations.versions_in_use())
        only = request.query_params.get("overdue", "").lower() in ("true", "1")
        items = [_standing_to_json(each) for each in found if each.is_overdue or not only]
        return Response({"items": items})


def _workflow(slug: str) -> Workflow:
    return get_object_or_404(Workflow.objects.living(), slug=slug)


def _to_json(signed: Attestation) -> dict[str, Any]:
    return {
        "id": str(signed.pk),
        "workflow": signed.workflow.slug,
        "version": signed.version.number,
        "number": signed.number,
        "digest": signed.digest,
        "as_of": to_time(signed.as_of),
        "statement": signed.statement,
        "expires_at": to_time(signed.expires_at),
        "author": author_to_json(signed),
        "envelope": signed.envelope,
    }


def _standing_to_json(found: SignOff) -> dict[str, Any]:
    return {
        "workflow": found.workflow.slug,
        "version": found.version.number,
        "standing": found.standing.value,
        "sentence": found.sentence,
        "ends_at": to_time(found.ends_at),
    }
