"""All tenants of this installation, on the platform's own host only; and the export of the host's own tenant."""

from typing import Any

from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import access, downloads, tenants
from tenancy.api.pages import page_of
from tenancy.api.shapes import TenantInput, TenantShape, page_shape, tenant_to_json
from tenancy.context import current_tenant
from tenancy.models import PLATFORM_SLUG, Tenant
from tenancy.permissions import Permission


class PlatformView(APIView):
    """Answers 404 to everybody whose host is not the platform's."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not current_tenant().is_platform:
            raise Http404


class TenantList(PlatformView):
    """The tenants of this installation."""

    required_permissions = {"get": Permission.TENANT_ADMIN, "post": Permission.TENANT_ADMIN}

    @extend_schema(operation_id="tenants_list", responses=page_shape(TenantShape))
    def get(self, request: Request) -> Response:
        rows = Tenant.objects.exclude(schema_name=PLATFORM_SLUG)
        return page_of(rows, request, to_json=tenant_to_json)

    @extend_schema(operation_id="tenants_create", request=TenantInput, responses={201: TenantShape})
    def post(self, request: Request) -> Response:
        """Create a tenant with its first host name."""
        serializer = TenantInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        tenant = tenants.create(
            name=wanted["name"],
            slug=wanted["slug"],
            domain=wanted["domain"],
            by=access.actor_of(request),
        )
        return Response(tenant_to_json(tenant), status=201)


class SuspendTenant(PlatformView):
    """Close a tenant for everybody."""

    required_permissions = {"post": Permission.TENANT_ADMIN}

    @extend_schema(operation_id="tenants_suspend", request=None, responses=TenantShape)
    def post(self, request: Request, slug: str) -> Response:
        tenant = get_tenant(slug)
        tenants.suspend(tenant=tenant, by=access.actor_of(request))
        return Response(tenant_to_json(tenant))


class RestoreTenant(PlatformView):
    """Open a suspended tenant again."""

    required_permissions = {"post": Permission.TENANT_ADMIN}

    @extend_schema(operation_id="tenants_restore", request=None, responses=TenantShape)
    def post(self, request: Request, slug: str) -> Response:
        tenant = get_tenant(slug)
        tenants.restore(tenant=tenant, by=access.actor_of(request))
        return Response(tenant_to_json(tenant))


class ExportTenant(APIView):
    """All that this host's tenant has, as one zip file."""

    required_permissions = {"post": Permission.TENANT_ADMIN}

    @extend_schema(
        operation_id="tenant_export",
        request=None,
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request) -> FileResponse:
        """Inputs, outputs and prompts stay sealed unless the caller may see payloads, too."""
        return downloads.bundle(request)


def get_tenant(slug: str) -> Tenant:
    others = Tenant.objects.exclude(schema_name=PLATFORM_SLUG)
    tenant: Tenant = get_object_or_404(others, schema_name=slug)
    return tenant
