"""How tenants, members and tokens look to programs, and what programs may send."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from tenancy.models import ApiToken, Membership, Tenant
from tenancy.money import WRITTEN
from tenancy.permissions import Permission, Role

MEMBER_STATES = ["invited", "active", "expired", "ended"]
TOKEN_STATES = ["active", "expired", "revoked"]


def to_time(value: datetime | None) -> str | None:
    """RFC 3339, UTC, milliseconds: 2026-11-20T09:41:02.118Z."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Amount(serializers.Serializer[Any]):
    """Money, exact."""

    amount = serializers.RegexField(WRITTEN, help_text="A decimal with up to six places.")
    currency = serializers.RegexField(r"^[A-Z]{3}$")


class TenantShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    created_at = serializers.CharField()


class TenantInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    slug = serializers.CharField(max_length=50)
    domain = serializers.RegexField(r"^[a-z0-9.-]{3,253}$", help_text="A host name.")


class MemberShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    state = serializers.ChoiceField(choices=MEMBER_STATES)
    created_at = serializers.CharField()
    joined_at = serializers.CharField(allow_null=True)
    expires_at = serializers.CharField(allow_null=True)
    ended_at = serializers.CharField(allow_null=True)


class InvitedMemberShape(MemberShape):
    invitation = serializers.CharField(help_text="The address to hand to the person. Shown once.")


class TokenShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    member_id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=TOKEN_STATES)
    created_at = serializers.CharField()
    expires_at = serializers.CharField()
    last_used_at = serializers.CharField(allow_null=True)
    revoked_at = serializers.CharField(allow_null=True)


class NewTokenShape(TokenShape):
    token = serializers.CharField(help_text="The token itself. Shown once.")


class MemberInput(serializers.Serializer[Any]):
    email = serializers.EmailField()
    name = serializers.CharField(max_length=200, required=False, default="")
    role = serializers.ChoiceField(choices=Role.choices)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class MemberChange(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class TokenInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[permission.value for permission in Permission]),
        allow_empty=False,
    )
    expires_at = serializers.DateTimeField()


def page_shape(items: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The serializer of a page of them, for the API's description."""
    name = f"{items.__name__.removesuffix('Shape').removesuffix('Shown')}PageShape"
    fields = {"items": items(many=True), "next_cursor": serializers.CharField(allow_null=True)}
    return type(name, (serializers.Serializer,), fields)


def tenant_to_json(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": str(tenant.pk),
        "slug": tenant.slug,
        "name": tenant.name,
        "status": tenant.status,
        "created_at": to_time(tenant.created_at),
    }


def member_to_json(membership: Membership) -> dict[str, Any]:
    return {
        "id": str(membership.pk),
        "email": membership.user.email,
        "name": membership.user.name,
        "role": membership.role,
        "state": membership.state,
        "created_at": to_time(membership.created_at),
        "joined_at": to_time(membership.joined_at),
        "expires_at": to_time(membership.expires_at),
        "ended_at": to_time(membership.ended_at),
    }


def token_to_json(token: ApiToken) -> dict[str, Any]:
    return {
        "id": str(token.pk),
        "name": token.name,
        "prefix": token.prefix,
        "scopes": token.scopes,
        "member_id": str(token.membership_id),
        "state": token.state,
        "created_at": to_time(token.created_at),
        "expires_at": to_time(token.expires_at),
        "last_used_at": to_time(token.last_used_at),
        "revoked_at": to_time(token.revoked_at),
    }
