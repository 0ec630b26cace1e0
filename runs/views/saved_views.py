"""Views of runs and of providers: save one, look through all, change, remove, choose the one that opens first."""

from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from runs import saved_views
from runs.errors import ViewInvalid
from runs.models import SavedView, ViewOf
from tenancy import access
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.errors import NotSignedIn
from tenancy.models import Membership
from tenancy.permissions import Permission

PERMISSIONS = {
    ViewOf.RUNS: Permission.RUN_VIEW,
    ViewOf.PROVIDERS: Permission.PROVIDER_VIEW,
}


@require_safe
@permission_required(Permission.RUN_VIEW)
def list_views(request: TenantRequest) -> HttpResponse:
    views = _visible(request)
    shown = {
        "lists": [
            (of.label, [view for view in views if view.of == of])
            for of, permission in PERMISSIONS.items()
            if access.can(request, permission)
        ],
        "default": saved_views.find_default(request.membership),
        "me": request.membership,
    }
    return render(request, "runs/views.html", shown)


@require_POST
@permission_required(Permission.RUN_VIEW)
def save_view(request: TenantRequest) -> HttpResponse:
    of = request.POST.get("of", ViewOf.RUNS)
    if of not in ViewOf.values:
        raise ViewInvalid(f"“{of}” has no views. Keep one of {', '.join(ViewOf.values)}.")
    access.check(request, PERMISSIONS[ViewOf(of)])
    view = saved_views.save(
        of=ViewOf(of),
        name=request.POST.get("name", ""),
        question=request.POST.get("q", ""),
        is_shared=bool(request.POST.get("shared")),
        membership=member_of(request),
        by=actor_of(request),
    )
    if request.POST.get("default") and view.of == ViewOf.RUNS:
        saved_views.choose_default(view=view, membership=member_of(request), by=actor_of(request))
    messages.success(request, f"The view “{view.name}” is kept.")
    return redirect(view)


@require_POST
@permission_required(Permission.RUN_VIEW)
def share_view(request: TenantRequest, view_id: UUID) -> HttpResponse:
    """Share one's view with the tenant, or no longer."""
    view = get_view(request, view_id)
    saved_views.change(
        view=view,
        question=view.question,
        is_shared=bool(request.POST.get("shared")),
        membership=member_of(request),
        by=actor_of(request),
    )
    return redirect("runs:views")


@require_POST
@permission_required(Permission.RUN_VIEW)
def remove_view(request: TenantRequest, view_id: UUID) -> HttpResponse:
    view = get_view(request, view_id)
    saved_views.remove(view=view, membership=member_of(request), by=actor_of(request))
    messages.success(request, f"The view “{view.name}” is removed.")
    return redirect("runs:views")


@require_POST
@permission_required(Permission.RUN_VIEW)
def choose_default(request: TenantRequest) -> HttpResponse:
    """The view that opens first; without one all runs."""
    chosen = request.POST.get("view", "")
    views = saved_views.visible_to(request.membership)
    view = get_object_or_404(views, pk=chosen) if chosen else None
    saved_views.choose_default(view=view, membership=member_of(request), by=actor_of(request))
    return redirect("runs:views")


def get_view(request: TenantRequest, view_id: UUID) -> SavedView:
    """One's own view, or a shared one; else 404."""
    view: SavedView = get_object_or_404(_visible(request), pk=view_id)
    return view


def member_of(request: TenantRequest) -> Membership:
    """Views belong to people. Raises NotSignedIn for a service key, which is none."""
    if request.membership is None:
        raise NotSignedIn
    return request.membership


def _visible(request: TenantRequest) -> QuerySet[SavedView]:
    return saved_views.visible_to(request.membership, of=None)
