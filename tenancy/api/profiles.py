"""The person whose token or session this is."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import profiles
from tenancy.access import actor_of
from tenancy.errors import NotSignedIn
from tenancy.models import Density, Membership, Theme
from tenancy.permissions import Permission, Role


class ProfileInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    time_zone = serializers.CharField(
        max_length=64, allow_blank=True, help_text="Such as Europe/Berlin; empty: UTC. For pages."
    )
    theme = serializers.ChoiceField(choices=Theme.values, allow_blank=True)
    density = serializers.ChoiceField(choices=Density.values, allow_blank=True)


class ProfileShape(ProfileInput):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices, help_text="In this tenant.")


class Me(APIView):
    required_permissions = {"get": Permission.RUN_VIEW, "put": Permission.RUN_VIEW}

    @extend_schema(operation_id="me_get", responses=ProfileShape)
    def get(self, request: Request) -> Response:
        return Response(_shown(_member(request)))

    @extend_schema(operation_id="me_change", request=ProfileInput, responses=ProfileShape)
    def put(self, request: Request) -> Response:
        """Name, and how pages look: the same in every tenant where this person is a member."""
        asked = ProfileInput(data=request.data)
        asked.is_valid(raise_exception=True)
        member = _member(request)
        profiles.change(user=member.user, by=actor_of(request._request), **asked.validated_data)
        return Response(_shown(member))


def _member(request: Request) -> Membership:
    membership: Membership | None = request._request.membership  # type: ignore[attr-defined]
    if membership is None:
        raise NotSignedIn
    return membership


def _shown(member: Membership) -> dict[str, Any]:
    user = member.user
    return {
        "email": user.email,
        "role": member.role,
        "name": user.name,
        "time_zone": user.time_zone,
        "theme": user.theme,
        "density": user.density,
    }
