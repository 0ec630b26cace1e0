"""The deletion of a tenant: by the platform's admins, on the platform's own host only."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import tenant_disposal
from compliance.api.serializers import (
    AskTenantDisposal,
    DisposalAnswer,
    DisposalPlanShown,
    DisposalShown,
)
from tenancy import access
from tenancy.api.tenants import PlatformView, get_tenant
from tenancy.context import tenant_context
from tenancy.permissions import Permission


class TenantDisposal(PlatformView):
    """A suspended tenant with all that is in it."""

    required_permissions = {"post": Permission.TENANT_ADMIN}

    @extend_schema(
        operation_id="tenants_dispose",
        request=AskTenantDisposal,
        responses={200: DisposalAnswer, 201: DisposalAnswer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """A dry run unless `dry_run` is false; then the plan of a dry run is executed."""
        tenant, by = get_tenant(slug), access.actor_of(request)
        asked = AskTenantDisposal(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        if wanted["dry_run"]:
            plan = tenant_disposal.plan(tenant=tenant, by=by)
            return Response({"dry_run": True, "plan": DisposalPlanShown(plan).data})
        done = tenant_disposal.execute(
            tenant=tenant,
            plan_id=wanted["plan"],
            by=by,
            legal_basis=wanted["legal_basis"],
            reason=wanted["reason"],
        )
        with tenant_context(tenant):
            answer = {"dry_run": False, "disposal": DisposalShown(done).data}
        return Response(answer, status=status.HTTP_201_CREATED)
