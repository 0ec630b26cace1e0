"""A person's own page: name, how pages look, the view that opens first; and the tenants where they are a member."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from runs import saved_views
from tenancy import profiles
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.errors import NotSignedIn, ProfileInvalid
from tenancy.models import Density, Membership, Theme
from tenancy.permissions import Permission

FIELD = {"class": "field"}


class ProfileForm(forms.Form):
    """What a person says about themselves; the verb checks it."""

    name = forms.CharField(
        max_length=200,
        widget=forms.TextInput(attrs={**FIELD, "autocomplete": "name"}),
        help_text="As others see it beside what you do.",
    )
    time_zone = forms.CharField(
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={**FIELD, "spellcheck": "false"}),
        help_text="Times are shown, and dates are read, in it: Europe/Berlin for instance. Empty: UTC.",
    )
    theme = forms.ChoiceField(
        required=False, choices=Theme.choices, widget=forms.Select(attrs=FIELD)
    )
    density = forms.ChoiceField(
        required=False,
        choices=Density.choices,
        widget=forms.Select(attrs=FIELD),
        help_text="How close the rows of tables are.",
    )
    view = forms.ChoiceField(
        required=False,
        label="Runs open with",
        widget=forms.Select(attrs=FIELD),
        help_text="A view that you saved, or that somebody shares.",
    )

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        views = [(str(view.pk), view.name) for view in saved_views.visible_to(membership)]
        self.fields["view"].choices = [("", "All runs"), *views]  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.RUN_VIEW)
def show_profile(request: TenantRequest) -> HttpResponse:
    if request.membership is None:
        raise NotSignedIn
    membership, user = request.membership, request.membership.user
    if request.method != "POST":
        looks = {name: getattr(user, name) for name in ("name", "time_zone", "theme", "density")}
        default = saved_views.find_default(membership)
        form = ProfileForm(initial=looks | {"view": str(default or "")}, membership=membership)
        return render(request, "profile.html", {"form": form, "member": membership})
    form = ProfileForm(request.POST, membership=membership)
    if not (form.is_valid() and _keep(form, membership, request)):
        return render(request, "profile.html", {"form": form, "member": membership}, status=422)
    messages.success(request, "Your preferences are kept.")
    return redirect("profile")


def _keep(form: ProfileForm, membership: Membership, request: TenantRequest) -> bool:
    wanted = dict(form.cleaned_data)
    chosen = wanted.pop("view")
    by = actor_of(request)
    try:
        profiles.change(user=membership.user, by=by, **wanted)
    except ProfileInvalid as fault:
        form.add_error("time_zone" if "time zone" in fault.sentence else None, fault.sentence)
        return False
    visible = saved_views.visible_to(membership)
    view = get_object_or_404(visible, pk=chosen) if chosen else None
    saved_views.choose_default(view=view, membership=membership, by=by)
    return True


@require_safe
@permission_required(Permission.RUN_VIEW)
def list_places(request: TenantRequest) -> HttpResponse:
    """Every tenant where this person is a member. A session is good for one host, so each asks to sign in once."""
    if request.membership is None:
        raise NotSignedIn
    port = request.get_port()
    behind = "" if port in ("80", "443") else f":{port}"
    places = [
        {"tenant": tenant, "href": f"{request.scheme}://{host}{behind}/", "host": host}
        for tenant, host in profiles.places_of(request.membership.user)
    ]
    return render(request, "places.html", {"places": places})
