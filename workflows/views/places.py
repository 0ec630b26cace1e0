"""Where tool calls may go and where objects are kept: for every member to see, for admins to set."""

from django.db.models import Count, Max
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenancy import access
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows import destinations, storage_profiles
from workflows.models import Destination, StorageProfile
from workflows.place_forms import DestinationForm, StorageProfileForm, SwitchForm


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def list_destinations(request: TenantRequest) -> HttpResponse:
    form = DestinationForm() if access.can(request, Permission.PROVIDER_EDIT) else None
    return _show_destinations(request, form)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def add_destination(request: TenantRequest) -> HttpResponse:
    form = DestinationForm(request.POST)
    if not form.is_valid():
        return _show_destinations(request, form, status=422)
    destinations.create(by=access.actor_of(request), **form.facts())
    return redirect("places:destinations")


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def switch_destination(request: TenantRequest, name: str) -> HttpResponse:
    found = get_object_or_404(Destination, name=name)
    form = SwitchForm(request.POST)
    if form.is_valid():
        destinations.change(
            destination=found, enabled=form.cleaned_data["enabled"], by=access.actor_of(request)
        )
    return redirect("places:destinations")


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def list_profiles(request: TenantRequest) -> HttpResponse:
    form = StorageProfileForm() if access.can(request, Permission.PROVIDER_EDIT) else None
    return _show_profiles(request, form)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def add_profile(request: TenantRequest) -> HttpResponse:
    form = StorageProfileForm(request.POST)
    if not form.is_valid():
        return _show_profiles(request, form, status=422)
    storage_profiles.create(by=access.actor_of(request), **form.facts())
    return redirect("places:storage")


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def switch_profile(request: TenantRequest, name: str) -> HttpResponse:
    found = get_object_or_404(StorageProfile, name=name)
    form = SwitchForm(request.POST)
    if form.is_valid():
        storage_profiles.change(
            profile=found, enabled=form.cleaned_data["enabled"], by=access.actor_of(request)
        )
    return redirect("places:storage")


def _show_destinations(
    request: TenantRequest, form: DestinationForm | None, status: int = 200
) -> HttpResponse:
    shown = {"destinations": Destination.objects.all(), "form": form}
    return render(request, "workflows/destinations.html", shown, status=status)


def _show_profiles(
    request: TenantRequest, form: StorageProfileForm | None, status: int = 200
) -> HttpResponse:
    profiles = StorageProfile.objects.annotate(
        versions=Count("stored_objects"), last_written_at=Max("stored_objects__created_at")
    )
    shown = {"profiles": profiles, "form": form}
    return render(request, "workflows/storage.html", shown, status=status)
