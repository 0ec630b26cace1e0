"""What this tenant may use, against what it uses: for every member to see, for admins to set."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenancy import access, paging, quotas
from tenancy.access import TenantRequest, permission_required
from tenancy.forms import QuotaForm
from tenancy.models import Quota
from tenancy.permissions import Permission


@require_safe
@permission_required(Permission.TENANT_VIEW)
def show_quotas(request: TenantRequest) -> HttpResponse:
    form = None
    if access.can(request, Permission.TENANT_ADMIN):
        form = QuotaForm.showing(quotas.limits_of(quotas.find_quota()))
    return _show(request, form)


@require_POST
@permission_required(Permission.TENANT_ADMIN)
def set_quotas(request: TenantRequest) -> HttpResponse:
    form = QuotaForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    quotas.set_limits(
        limits=form.limits(), reason=form.cleaned_data["reason"], by=access.actor_of(request)
    )
    return redirect("tenancy:quotas")


def _show(request: TenantRequest, form: QuotaForm | None, status: int = 200) -> HttpResponse:
    quota = quotas.find_quota()
    shown = {
        "quota": quota,
        "uses": quotas.in_use(quotas.limits_of(quota)),
        "page": paging.page(Quota.objects.all(), request, limit=10),
        "form": form,
    }
    return render(request, "tenancy/quotas.html", shown, status=status)
