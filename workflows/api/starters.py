"""Templates to begin a workflow from, for programs."""

from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance.labels import DataClass
from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.permissions import Permission
from workflows import beginning, starters
from workflows.api.draft_shapes import BeginInput, StarterShape
from workflows.api.shapes import RevisionShape, revision_to_json
from workflows.api.workflows import checked


class StarterList(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="starters_list", responses=StarterShape(many=True))
    def get(self, request: Request) -> Response:
        """The templates that come with Grove: the same for every tenant."""
        return Response(
            [
                {
                    "name": starter.name,
                    "title": starter.title,
                    "description": starter.sentence,
                    "nodes": list(starter.nodes),
                    "definition": starter.text,
                }
                for starter in starters.all_of_them().values()
            ]
        )


class Beginning(APIView):
    required_permissions = {"post": Permission.WORKFLOW_EDIT}

    @extend_schema(
        operation_id="starters_begin", request=BeginInput, responses={201: RevisionShape}
    )
    @idempotent()
    def post(self, request: Request, starter: str) -> Response:
        """Make a workflow from this template; its draft is for the author to go on with."""
        if starter not in starters.NAMES:
            raise Http404
        asked = checked(BeginInput, request)
        asked["data_class"] = DataClass.from_word(asked["data_class"])
        revision = beginning.create(starter=starter, by=actor_of(request), **asked)
        address = reverse("api-workflows:draft", args=[revision.workflow.slug])
        return Response(
            revision_to_json(revision),
            status=status.HTTP_201_CREATED,
            headers={"Location": address},
        )
