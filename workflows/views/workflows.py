"""The list of workflows."""

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenancy import paging
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows.models import Workflow

USES = {"in_use": "In use", "draft": "Drafts", "disposed": "Disposed"}


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def list_workflows(request: TenantRequest) -> HttpResponse:
    rows = Workflow.objects.with_pointers()
    use, text = request.GET.get("use", ""), request.GET.get("q", "").strip()
    rows = rows.filter(disposed_at__isnull=False) if use == "disposed" else rows.living()
    if use in ("in_use", "draft"):
        rows = rows.filter(published__isnull=use == "draft")
    if text:
        rows = rows.filter(Q(title__icontains=text) | Q(slug__icontains=text))
    shown = {
        "page": paging.page(rows, request, order=("title", "id")),
        "use": use,
        "uses": USES,
        "text": text,
    }
    fragment = request.htmx and request.htmx.target == "rows"
    template = "workflows/workflows.html"
    return render(request, f"{template}#rows" if fragment else template, shown)
