"""Where model calls may go: providers, their deployments, model groups in the order they are tried."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows.models import ModelGroup, Provider


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def list_providers(request: TenantRequest) -> HttpResponse:
    shown = {
        "providers": Provider.objects.prefetch_related("deployments__prices"),
        "groups": ModelGroup.objects.prefetch_related("members__deployment__provider"),
    }
    return render(request, "workflows/providers.html", shown)
