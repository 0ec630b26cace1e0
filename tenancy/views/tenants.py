"""This host's tenant; and on the platform's host all tenants of the installation, without a look into them."""

from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from tenancy import access, downloads, members, paging, tenants
from tenancy.access import TenantRequest, permission_required, platform_only
from tenancy.context import current_tenant, tenant_context
from tenancy.forms import HostForm, TenantForm
from tenancy.models import PLATFORM_SLUG, Tenant
from tenancy.permissions import Permission, Role


@require_safe
@permission_required(Permission.TENANT_VIEW)
def show_own_tenant(request: TenantRequest) -> HttpResponse:
    tenant = current_tenant()
    shown = {"tenant": tenant, "domains": tenant.domains.order_by("-is_primary", "domain")}
    return render(request, "tenancy/tenant.html", shown)


@require_POST
@permission_required(Permission.TENANT_ADMIN)
def export_tenant(request: TenantRequest) -> FileResponse:
    return downloads.bundle(request)


@require_safe
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def list_tenants(request: TenantRequest) -> HttpResponse:
    return _list(request, TenantForm())


@require_POST
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def create_tenant(request: TenantRequest) -> HttpResponse:
    """The answer shows the first admin's way in, once: it cannot be a redirect."""
    form = TenantForm(request.POST)
    if not form.is_valid():
        return _list(request, form, status=422)
    wanted, by = form.cleaned_data, access.actor_of(request)
    tenant = tenants.create(
        name=wanted["name"], slug=wanted["slug"], domain=wanted["domain"], by=by
    )
    with tenant_context(tenant):
        admin = members.invite(email=wanted["admin"], name="", role=Role.ADMIN, by=by)
        link = reverse("tenancy:join", args=[members.invitation_of(admin)])
    invitation = f"{request.scheme}://{wanted['domain']}{_port(request)}{link}"
    response = _show(request, tenant, HostForm(), invitation=invitation)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def show_tenant(request: TenantRequest, slug: str) -> HttpResponse:
    return _show(request, get_tenant(slug), HostForm())


@require_POST
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def add_host(request: TenantRequest, slug: str) -> HttpResponse:
    tenant, form = get_tenant(slug), HostForm(request.POST)
    if not form.is_valid():
        return _show(request, tenant, form, status=422)
    tenants.add_host(tenant=tenant, domain=form.cleaned_data["domain"], by=access.actor_of(request))
    return redirect("tenancy:tenant", tenant.slug)


@require_POST
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def suspend_tenant(request: TenantRequest, slug: str) -> HttpResponse:
    tenants.suspend(tenant=get_tenant(slug), by=access.actor_of(request))
    return redirect("tenancy:tenant", slug)


@require_POST
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def restore_tenant(request: TenantRequest, slug: str) -> HttpResponse:
    tenants.restore(tenant=get_tenant(slug), by=access.actor_of(request))
    return redirect("tenancy:tenant", slug)


def get_tenant(slug: str) -> Tenant:
    others = Tenant.objects.exclude(schema_name=PLATFORM_SLUG)
    tenant: Tenant = get_object_or_404(others, schema_name=slug)
    return tenant


def _list(request: TenantRequest, form: TenantForm, status: int = 200) -> HttpResponse:
    rows = Tenant.objects.exclude(schema_name=PLATFORM_SLUG).prefetch_related("domains")
    shown = {"page": paging.page(rows, request), "form": form}
    return render(request, "tenancy/tenants.html", shown, status=status)


def _show(
    request: TenantRequest,
    tenant: Tenant,
    form: HostForm,
    *,
    invitation: str = "",
    status: int = 200,
) -> HttpResponse:
    shown = {
        "tenant": tenant,
        "domains": tenant.domains.order_by("-is_primary", "domain"),
        "form": form,
        "invitation": invitation,
    }
    return render(request, "tenancy/one_tenant.html", shown, status=status)


def _port(request: TenantRequest) -> str:
    """As in the address that is asked: behind a proxy there is none."""
    port = request.get_host().partition(":")[2]
    return f":{port}" if port else ""
