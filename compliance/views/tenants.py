"""A tenant is deleted by the platform: the same four steps as any disposal, on the platform's host, from outside."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from compliance import disposal, tenant_disposal
from compliance.errors import DisposalPlanNotFound
from compliance.forms import ConfirmForm
from compliance.models import Disposal, DisposalPlan
from compliance.tenant_disposal import TenantDisposable
from compliance.views.disposals import STEPS, plan_shown
from tenancy import paging
from tenancy.access import TenantRequest, actor_of, permission_required, platform_only
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Permission
from tenancy.views.tenants import get_tenant


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def dispose(request: TenantRequest, slug: str) -> HttpResponse:
    """Step 1: what is to go. Sending it makes the dry run."""
    tenant = get_tenant(slug)
    if request.method == "POST":
        frozen = tenant_disposal.plan(tenant=tenant, by=actor_of(request))
        return redirect("compliance:tenant-plan", slug, frozen.pk)
    with tenant_context(tenant):
        found = TenantDisposable().find([tenant.pk])
    if not found:
        return redirect("tenancy:tenant", slug)
    shown = {
        "line": found[0],
        "label": TenantDisposable.label,
        "below": ["Workflow", "Run"],
        "steps": STEPS,
        "way": _way(tenant),
    }
    return render(request, "compliance/scope.html", shown)


@require_safe
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def show_plan(request: TenantRequest, slug: str, plan_id: UUID) -> HttpResponse:
    """Step 2: exactly what would go."""
    tenant = get_tenant(slug)
    with tenant_context(tenant):
        frozen = _get_plan(plan_id)
        shown = plan_shown(frozen) | {"way": _way(tenant, frozen)}
    return render(request, "compliance/plan.html", shown)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def confirm(request: TenantRequest, slug: str, plan_id: UUID) -> HttpResponse:
    """Step 3: the ground, the reason, and the word typed. Sending it destroys the keys."""
    tenant = get_tenant(slug)
    with tenant_context(tenant):
        frozen = _get_plan(plan_id)
        shown = plan_shown(frozen) | {"way": _way(tenant, frozen)}
    form = ConfirmForm(request.POST if request.method == "POST" else None, plan=frozen)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "compliance/confirm.html", shown | {"form": form}, status=status)
    done = tenant_disposal.execute(
        tenant=tenant,
        plan_id=frozen.pk,
        by=actor_of(request),
        legal_basis=form.cleaned_data["legal_basis"],
        reason=form.cleaned_data["reason"],
    )
    return redirect("compliance:tenant-disposal", slug, done.pk)


@require_safe
@permission_required(Permission.TENANT_ADMIN)
@platform_only
def show_disposal(request: TenantRequest, slug: str, disposal_id: UUID) -> HttpResponse:
    """Step 4, and what the log says ever after."""
    tenant = get_tenant(slug)
    with tenant_context(tenant):
        disposals = Disposal.objects.select_related("plan").filter(kind=tenant_disposal.KIND)
        done = get_object_or_404(disposals, pk=disposal_id)
        shown = {
            "disposal": done,
            "confirmation": done.find_confirmation(),
            "page": paging.page(done.records.all(), request, order=("id",), limit=100),
            "steps": STEPS,
            "way": _way(tenant),
        }
    return render(request, "compliance/disposal.html", shown)


def _get_plan(plan_id: UUID) -> DisposalPlan:
    frozen = disposal.get_plan(plan_id)
    if frozen.kind != tenant_disposal.KIND:
        raise DisposalPlanNotFound
    return frozen


def _way(tenant: Tenant, plan: DisposalPlan | None = None) -> dict[str, str]:
    """Where the steps are, as compliance.views.disposals.way() says it for disposals inside a tenant."""
    way = {
        "home": reverse("tenancy:tenant", args=[tenant.slug]),
        "home_words": tenant.name,
        "begin": reverse("compliance:dispose-tenant", args=[tenant.slug]),
    }
    if plan is None:
        return way
    used = plan.disposals.first()
    return way | {
        "plan": reverse("compliance:tenant-plan", args=[tenant.slug, plan.pk]),
        "confirm": reverse("compliance:tenant-confirm", args=[tenant.slug, plan.pk]),
        "result": reverse("compliance:tenant-disposal", args=[tenant.slug, used.pk])
        if used
        else "",
    }
