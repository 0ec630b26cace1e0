"""Secrets for programs: existence, versions, bindings, uses and ages. Never a value."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import access, secret_backends, secret_facts, secret_store
from tenancy.api import secret_shapes as shapes
from tenancy.api.shapes import page_shape
from tenancy.errors import SecretNotFound
from tenancy.models import BackendKind, VaultAuth
from tenancy.permissions import Permission
from tenancy.secret_facts import SecretFacts
from tenancy.secret_uses import Bindings

CONFIRMATION = OpenApiParameter(
    "confirmation",
    str,
    description="The name of the secret once more, where something names it (see `impact`).",
)


class SecretList(APIView):
    """Everything that is kept, by name. There are few: one page holds them."""

    required_permissions = {"get": Permission.SECRET_VIEW}

    @extend_schema(operation_id="secrets_list", responses=page_shape(shapes.SecretShape))
    def get(self, request: Request) -> Response:
        shown = [shapes.secret_to_json(secret) for secret in secret_facts.list_secrets()]
        return Response({"items": shown, "next_cursor": None})


class SecretResource(APIView):
    """One secret."""

    required_permissions = {
        "get": Permission.SECRET_VIEW,
        "put": Permission.SECRET_EDIT,
        "patch": Permission.SECRET_EDIT,
        "delete": Permission.SECRET_EDIT,
    }

    @extend_schema(operation_id="secrets_get", responses=shapes.SecretShape)
    def get(self, request: Request, name: str) -> Response:
        return _shown(name)

    @extend_schema(
        operation_id="secrets_put", request=shapes.SecretInput, responses=shapes.SecretShape
    )
    def put(self, request: Request, name: str) -> Response:
        """Store a value as the newest version."""
        told = _read(shapes.SecretInput, request)
        secret_store.put(name=name, **told, by=access.actor_of(request))
        return _shown(name)

    @extend_schema(
        operation_id="secrets_change", request=shapes.SecretChange, responses=shapes.SecretShape
    )
    def patch(self, request: Request, name: str) -> Response:
        """Give it another last day, rotation or other bindings. What is left out stays as it is."""
        told, before = _read(shapes.SecretChange, request), _get(name)
        bindings = before.bindings.to_json() | told.get("bindings", {})
        secret_store.change(
            name=name,
            expires_on=told.get("expires_on", before.expires_on),
            rotate_days=told.get("rotate_days", before.rotate_days),
            bindings=Bindings(**{kind: tuple(names) for kind, names in bindings.items()}),
            by=access.actor_of(request),
        )
        return _shown(name)

    @extend_schema(operation_id="secrets_revoke", parameters=[CONFIRMATION], responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """End the secret and empty its versions. 409 with `used_by` where something names it and nobody confirmed."""
        confirmation = request.query_params.get("confirmation", "")
        secret_store.revoke(name=name, confirmation=confirmation, by=access.actor_of(request))
        return Response(status=204)


class SecretImpact(APIView):
    """What would stop if the secret were revoked now. Changes nothing."""

    required_permissions = {"get": Permission.SECRET_VIEW}

    @extend_schema(operation_id="secrets_impact", responses=shapes.SecretImpactShape)
    def get(self, request: Request, name: str) -> Response:
        _get(name)
        hit = secret_facts.hit_by_revoking(name)
        kinds = ("provider", "destination", "workflow")
        shown = {f"{kind}s": list(hit.get(kind, ())) for kind in kinds}
        return Response({**shown, "confirmation_needed": bool(hit)})


class SecretTest(APIView):
    """Try the newest version with everything that names it."""

    required_permissions = {"post": Permission.SECRET_EDIT}

    @extend_schema(operation_id="secrets_test", request=None, responses=shapes.SecretTestShape)
    def post(self, request: Request, name: str) -> Response:
        """Each provider gets one minimal call. When all passed the version is confirmed; else nothing changes."""
        tried = secret_store.test(name=name, by=access.actor_of(request))
        shown = [shapes.tried_to_json(each) for each in tried]
        return Response({"tried": shown, "secret": shapes.secret_to_json(_get(name))})


class SecretConfirmation(APIView):
    """Use the newest version from now on and empty those before it."""

    required_permissions = {"post": Permission.SECRET_EDIT}

    @extend_schema(
        operation_id="secrets_confirm",
        request=shapes.SecretVersionInput,
        responses=shapes.SecretShape,
    )
    def post(self, request: Request, name: str) -> Response:
        secret_store.confirm(
            name=name, **_read(shapes.SecretVersionInput, request), by=access.actor_of(request)
        )
        return _shown(name)


class SecretDiscarding(APIView):
    """Empty the newest version and go on with the one before it."""

    required_permissions = {"post": Permission.SECRET_EDIT}

    @extend_schema(
        operation_id="secrets_discard",
        request=shapes.SecretVersionInput,
        responses=shapes.SecretShape,
    )
    def post(self, request: Request, name: str) -> Response:
        secret_store.discard(
            name=name, **_read(shapes.SecretVersionInput, request), by=access.actor_of(request)
        )
        return _shown(name)


class SecretBackendResource(APIView):
    """Where new values are kept."""

    required_permissions = {"get": Permission.SECRET_VIEW, "put": Permission.SECRET_EDIT}

    @extend_schema(operation_id="secret_backend_get", responses=shapes.SecretBackendShape)
    def get(self, request: Request) -> Response:
        return Response(_backend_shown())

    @extend_schema(
        operation_id="secret_backend_choose",
        request=shapes.SecretBackendInput,
        responses=shapes.SecretBackendShape,
    )
    def put(self, request: Request) -> Response:
        """Keep new values there from now on. Vault is tried first; where it refuses, nothing changes."""
        told = _read(shapes.SecretBackendInput, request)
        told |= {"kind": BackendKind(told["kind"]), "auth": VaultAuth(told["auth"])}
        secret_backends.choose(**told, by=access.actor_of(request))
        return Response(_backend_shown())


def _read(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _get(name: str) -> SecretFacts:
    secret = secret_facts.find_secret(name)
    if secret is None:
        raise SecretNotFound
    return secret


def _shown(name: str) -> Response:
    return Response(shapes.secret_to_json(_get(name)))


def _backend_shown() -> dict[str, Any]:
    return {**secret_backends.describe(), "kept": secret_facts.count_by_backend()}
