"""This tenant, its members and their tokens, for programs."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import access, members, tokens
from tenancy.api.pages import page_of
from tenancy.api.shapes import (
    InvitedMemberShape,
    MemberChange,
    MemberInput,
    MemberShape,
    NewTokenShape,
    TenantShape,
    TokenInput,
    TokenShape,
    member_to_json,
    page_shape,
    tenant_to_json,
    token_to_json,
)
from tenancy.context import current_tenant
from tenancy.errors import PermissionMissing
from tenancy.models import ApiToken, Membership
from tenancy.permissions import Permission, Role


class TenantResource(APIView):
    """The tenant of this host."""

    required_permissions = {"get": Permission.TENANT_VIEW}

    @extend_schema(operation_id="tenant_get", responses=TenantShape)
    def get(self, request: Request) -> Response:
        return Response(tenant_to_json(current_tenant()))


class MemberList(APIView):
    """Everybody who belongs to this tenant, or did."""

    required_permissions = {"get": Permission.MEMBER_VIEW, "post": Permission.MEMBER_EDIT}

    @extend_schema(operation_id="members_list", responses=page_shape(MemberShape))
    def get(self, request: Request) -> Response:
        rows = Membership.objects.select_related("user")
        return page_of(rows, request, to_json=member_to_json)

    @extend_schema(
        operation_id="members_invite", request=MemberInput, responses={201: InvitedMemberShape}
    )
    def post(self, request: Request) -> Response:
        """Invite somebody. The answer holds the address with which the person joins."""
        wanted = _checked(MemberInput, request)
        membership = members.invite(
            email=wanted["email"],
            name=wanted["name"],
            role=Role(wanted["role"]),
            expires_at=wanted["expires_at"],
            by=access.actor_of(request),
        )
        link = reverse("tenancy:join", args=[members.invitation_of(membership)])
        shown = member_to_json(membership) | {"invitation": request.build_absolute_uri(link)}
        return Response(shown, status=201, headers={"Location": _address("member", membership.pk)})


class MemberResource(APIView):
    """One membership."""

    required_permissions = {
        "get": Permission.MEMBER_VIEW,
        "patch": Permission.MEMBER_EDIT,
        "delete": Permission.MEMBER_EDIT,
    }

    @extend_schema(operation_id="members_get", responses=MemberShape)
    def get(self, request: Request, membership_id: UUID) -> Response:
        return Response(member_to_json(_get_member(membership_id)))

    @extend_schema(operation_id="members_change_role", request=MemberChange, responses=MemberShape)
    def patch(self, request: Request, membership_id: UUID) -> Response:
        """Give the member another role or end date."""
        membership = _get_member(membership_id)
        wanted = _checked(MemberChange, request)
        members.change_role(
            membership=membership,
            role=Role(wanted["role"]),
            expires_at=wanted["expires_at"],
            by=access.actor_of(request),
        )
        return Response(member_to_json(_get_member(membership_id)))

    @extend_schema(operation_id="members_remove", responses={204: None})
    def delete(self, request: Request, membership_id: UUID) -> Response:
        """End the membership. It stays on record."""
        members.remove(membership=_get_member(membership_id), by=access.actor_of(request))
        return Response(status=204)


class TokenList(APIView):
    """One's own tokens; everybody's for those who look after tokens."""

    required_permissions = {"get": Permission.TOKEN_EDIT, "post": Permission.TOKEN_EDIT}

    @extend_schema(operation_id="tokens_list", responses=page_shape(TokenShape))
    def get(self, request: Request) -> Response:
        return page_of(_tokens_for(request), request, to_json=token_to_json)

    @extend_schema(operation_id="tokens_create", request=TokenInput, responses={201: NewTokenShape})
    def post(self, request: Request) -> Response:
        """Make a token for oneself. Its text is in this answer and nowhere else."""
        wanted = _checked(TokenInput, request)
        made = tokens.create(
            membership=_member_of(request),
            name=wanted["name"],
            scopes=wanted["scopes"],
            expires_at=wanted["expires_at"],
            within=access.permissions_of(request),
            by=access.actor_of(request),
        )
        shown = token_to_json(made.token) | {"token": made.text}
        return Response(shown, status=201, headers={"Location": _address("token", made.token.pk)})


class TokenResource(APIView):
    """One token."""

    required_permissions = {"get": Permission.TOKEN_EDIT, "delete": Permission.TOKEN_EDIT}

    @extend_schema(operation_id="tokens_get", responses=TokenShape)
    def get(self, request: Request, token_id: UUID) -> Response:
        return Response(token_to_json(get_object_or_404(_tokens_for(request), pk=token_id)))

    @extend_schema(operation_id="tokens_revoke", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke the token at once."""
        token = get_object_or_404(_tokens_for(request), pk=token_id)
        tokens.revoke(token=token, by=access.actor_of(request))
        return Response(status=204)


def _checked(shape: Any, request: Request) -> dict[str, Any]:
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    checked: dict[str, Any] = serializer.validated_data
    return checked


def _get_member(membership_id: UUID) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), pk=membership_id)


def _tokens_for(request: Request) -> QuerySet[ApiToken]:
    rows = ApiToken.objects.select_related("membership")
    if access.can(request, Permission.TOKEN_ADMIN):
        return rows
    return rows.filter(membership=_member_of(request))


def _member_of(request: Request) -> Membership:
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        raise PermissionMissing("A service has no tokens of its own.")
    return membership


def _address(name: str, id: UUID) -> str:
    return reverse(f"api-tenancy:{name}", args=[id])
