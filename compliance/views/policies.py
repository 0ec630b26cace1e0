"""Which policy is in force, and what it says."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from compliance import policies
from compliance.models import PolicyActivation, PolicySnapshot
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission


@require_safe
@permission_required(Permission.POLICY_VIEW)
def show_policies(request: TenantRequest, number: int | None = None) -> HttpResponse:
    active = policies.find_active_snapshot()
    shown = active if number is None else get_object_or_404(PolicySnapshot, number=number)
    content = {
        "active": active,
        "shown": shown,
        "snapshots": PolicySnapshot.objects.all()[:100],
        "activations": PolicyActivation.objects.select_related("snapshot")[:100],
    }
    return render(request, "compliance/policies.html", content)
