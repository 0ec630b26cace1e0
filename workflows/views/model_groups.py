"""Model groups: who is tried in which order, how they are, and what would happen now."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from tenancy import access
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows import model_groups
from workflows.group_forms import MoveForm, NewGroupForm, PlacementForm
from workflows.model_groups import Move
from workflows.models import ClassPlacement, Deployment, ModelGroup
from workflows.providers import forecast, health, placements, routes


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def list_groups(request: TenantRequest) -> HttpResponse:
    return _show_list(request)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def add_group(request: TenantRequest) -> HttpResponse:
    form = NewGroupForm(request.POST)
    if not form.is_valid():
        return _show_list(request, form=form, status=422)
    group = model_groups.create(
        name=form.cleaned_data["name"],
        deployments=[get_object_or_404(Deployment, name=form.cleaned_data["deployment"])],
        by=access.actor_of(request),
    )
    return redirect("places:model-group", group.name)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def place_class(request: TenantRequest) -> HttpResponse:
    form = PlacementForm(request.POST)
    if not form.is_valid():
        return _show_list(request, places=form, status=422)
    placements.name(**form.cleaned_data, by=access.actor_of(request))
    return redirect("places:model-groups")


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def show_group(request: TenantRequest, name: str) -> HttpResponse:
    group = get_object_or_404(ModelGroup, name=name)
    members = [each.deployment for each in group.members.select_related("deployment__provider")]
    found, known = health.of(members), routes.current()
    shown = {
        "group": group,
        "members": [(each, found[each.pk]) for each in members],
        "others": Deployment.objects.exclude(pk__in=[each.pk for each in members]),
        "forecasts": forecast.of_group(known.of_group(name), at=now(), placements=known.placements),
        "workflows": model_groups.users().get(name, []),
        "calls": health.of_groups([name])[name],
        "may_edit": access.can(request, Permission.PROVIDER_EDIT),
    }
    return render(request, "workflows/model_group.html", shown)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def rearrange(request: TenantRequest, name: str) -> HttpResponse:
    group = get_object_or_404(ModelGroup, name=name)
    form = MoveForm(request.POST)
    if form.is_valid():
        model_groups.rearrange(
            group=group,
            deployment=get_object_or_404(Deployment, name=form.cleaned_data["deployment"]),
            move=Move(form.cleaned_data["move"]),
            by=access.actor_of(request),
        )
        messages.success(
            request, "The next run goes by the new order; runs that began keep theirs."
        )
    return redirect("places:model-group", name)


def _show_list(
    request: TenantRequest,
    *,
    form: NewGroupForm | None = None,
    places: PlacementForm | None = None,
    status: int = 200,
) -> HttpResponse:
    may_edit = access.can(request, Permission.PROVIDER_EDIT)
    groups = list(ModelGroup.objects.prefetch_related("members__deployment__provider"))
    members = {each.deployment for group in groups for each in group.members.all()}
    found, users = health.of(members), model_groups.users()
    calls = health.of_groups([group.name for group in groups])
    rows = [
        {
            "group": group,
            "members": [
                (each.deployment, found[each.deployment_id]) for each in group.members.all()
            ],
            "workflows": len(users.get(group.name, [])),
            "calls": calls[group.name],
        }
        for group in groups
    ]
    shown = {
        "rows": rows,
        "placements": ClassPlacement.objects.all(),
        "form": (form or NewGroupForm()) if may_edit else None,
        "places": (places or PlacementForm()) if may_edit else None,
    }
    return render(request, "workflows/model_groups.html", shown, status=status)
