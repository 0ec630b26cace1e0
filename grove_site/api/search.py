"""The search of the head, for programs."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from grove_site import search
from grove_site.search import ICONS, LEAST, MOST, Hit, QuestionTooShort
from tenancy.access import permissions_of
from tenancy.permissions import Permission


class HitShape(serializers.Serializer[Any]):
    """One thing that was found. `runs` is a question to the list of runs."""

    kind = serializers.ChoiceField(choices=list(ICONS))
    title = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    resource = serializers.CharField(help_text="Where the API has it.")
    page = serializers.CharField(help_text="Where people look at it.")


class FoundShape(serializers.Serializer[Any]):
    q = serializers.CharField()
    items = HitShape(many=True, help_text="Up to eight of a kind: search finds, lists list.")


class Search(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(
        operation_id="search_find",
        parameters=[
            OpenApiParameter(
                "q",
                {"type": "string", "minLength": LEAST, "maxLength": MOST},
                required=True,
                description="An id or its beginning, a title or name, an owner label, eight signs of a digest.",
            )
        ],
        responses=FoundShape,
    )
    def get(self, request: Request) -> Response:
        """Runs, workflows, signed documents, versions: what has this name or number, as far as the caller may see."""
        text = request.query_params.get("q", "").strip()[:MOST]
        if len(text) < LEAST:
            raise QuestionTooShort
        groups = search.find(text, permissions_of(request._request))
        return Response(
            {"q": text, "items": [_to_json(hit) for group in groups for hit in group.hits]}
        )


def _to_json(hit: Hit) -> dict[str, str]:
    return {
        "kind": hit.kind,
        "title": hit.words,
        "detail": hit.detail,
        "resource": hit.resource,
        "page": hit.href,
    }
