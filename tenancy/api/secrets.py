"""Secrets for programs: existence, fingerprint, last use. Never a value."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import access, secret_facts, secret_store
from tenancy.api.shapes import page_shape, to_time
from tenancy.errors import SecretNotFound
from tenancy.permissions import Permission
from tenancy.secret_facts import SecretFacts


class SecretShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.IntegerField()
    fingerprint = serializers.CharField()
    changed_at = serializers.CharField()
    last_used_at = serializers.CharField(allow_null=True)
    revoked_at = serializers.CharField(allow_null=True)


class SecretInput(serializers.Serializer[Any]):
    value = serializers.CharField(trim_whitespace=False, write_only=True)


class SecretList(APIView):
    """Everything that is kept, by name. There are few: one page holds them."""

    required_permissions = {"get": Permission.SECRET_VIEW}

    @extend_schema(operation_id="secrets_list", responses=page_shape(SecretShape))
    def get(self, request: Request) -> Response:
        shown = [_to_json(secret) for secret in secret_facts.list_secrets()]
        return Response({"items": shown, "next_cursor": None})


class SecretResource(APIView):
    """One secret."""

    required_permissions = {
        "get": Permission.SECRET_VIEW,
        "put": Permission.SECRET_EDIT,
        "delete": Permission.SECRET_EDIT,
    }

    @extend_schema(operation_id="secrets_get", responses=SecretShape)
    def get(self, request: Request, name: str) -> Response:
        return Response(_shown(name))

    @extend_schema(operation_id="secrets_put", request=SecretInput, responses=SecretShape)
    def put(self, request: Request, name: str) -> Response:
        """Store a value as the newest version."""
        serializer = SecretInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        value = serializer.validated_data["value"]
        secret_store.put(name=name, value=value, by=access.actor_of(request))
        return Response(_shown(name))

    @extend_schema(operation_id="secrets_revoke", responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """End the secret and empty its versions."""
        secret_store.revoke(name=name, by=access.actor_of(request))
        return Response(status=204)


def _shown(name: str) -> dict[str, Any]:
    secret = secret_facts.find_secret(name)
    if secret is None:
        raise SecretNotFound
    return _to_json(secret)


def _to_json(secret: SecretFacts) -> dict[str, Any]:
    return {
        "name": secret.name,
        "version": secret.version,
        "fingerprint": secret.fingerprint,
        "changed_at": to_time(secret.changed_at),
        "last_used_at": to_time(secret.last_used_at),
        "revoked_at": to_time(secret.revoked_at),
    }
