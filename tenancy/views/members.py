"""Who belongs to this tenant: see, invite, change, remove; and the page behind an invitation."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenancy import access, members, paging
from tenancy.access import TenantRequest, permission_required, public
from tenancy.forms import InviteForm, JoinForm, RoleForm
from tenancy.models import Membership
from tenancy.permissions import IN_WORDS, Permission, Role, beyond_reading

ROLES = [(role.label, words, beyond_reading(role)) for role, words in IN_WORDS.items()]


@require_safe
@permission_required(Permission.MEMBER_VIEW)
def list_members(request: TenantRequest) -> HttpResponse:
    page = paging.page(Membership.objects.select_related("user"), request)
    form = InviteForm() if access.can(request, Permission.MEMBER_EDIT) else None
    return render(request, "tenancy/members.html", {"page": page, "form": form, "roles": ROLES})


@require_POST
@permission_required(Permission.MEMBER_EDIT)
def invite_member(request: TenantRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        page = paging.page(Membership.objects.select_related("user"), request)
        shown = {"page": page, "form": form, "roles": ROLES}
        return render(request, "tenancy/members.html", shown, status=422)
    membership = members.invite(
        email=form.cleaned_data["email"],
        name=form.cleaned_data["name"],
        role=Role(form.cleaned_data["role"]),
        expires_at=form.cleaned_data["expires_at"],
        by=access.actor_of(request),
    )
    return redirect("tenancy:member", membership.pk)


@require_safe
@permission_required(Permission.MEMBER_VIEW)
def show_member(request: TenantRequest, membership_id: UUID) -> HttpResponse:
    membership = _get(membership_id)
    form = RoleForm(initial={"role": membership.role, "expires_at": membership.expires_at})
    return _render_member(request, membership, form)


@require_POST
@permission_required(Permission.MEMBER_EDIT)
def change_role(request: TenantRequest, membership_id: UUID) -> HttpResponse:
    membership, form = _get(membership_id), RoleForm(request.POST)
    if not form.is_valid():
        return _render_member(request, membership, form, status=422)
    members.change_role(
        membership=membership,
        role=Role(form.cleaned_data["role"]),
        expires_at=form.cleaned_data["expires_at"],
        by=access.actor_of(request),
    )
    return redirect("tenancy:member", membership.pk)


@require_POST
@permission_required(Permission.MEMBER_EDIT)
def remove_member(request: TenantRequest, membership_id: UUID) -> HttpResponse:
    members.remove(membership=_get(membership_id), by=access.actor_of(request))
    return redirect("tenancy:members")


@public
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, invitation: str) -> HttpResponse:
    membership = members.get_invited(invitation)
    form = JoinForm(request.POST or None, membership=membership, request=request)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        shown = {"form": form, "membership": membership}
        return render(request, "tenancy/join.html", shown, status=status)
    with transaction.atomic():
        if not form.is_known:
            membership.user.set_password(form.cleaned_data["password"])
            membership.user.save(update_fields=["password"])
        members.join(membership=membership)
    return redirect("account_login")


def _get(membership_id: UUID) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), pk=membership_id)


def _render_member(
    request: TenantRequest, membership: Membership, form: RoleForm, status: int = 200
) -> HttpResponse:
    invitation = ""
    if membership.state == "invited" and access.can(request, Permission.MEMBER_EDIT):
        link = reverse("tenancy:join", args=[members.invitation_of(membership)])
        invitation = request.build_absolute_uri(link)
    shown = {
        "member": membership,
        "form": form,
        "invitation": invitation,
        "permissions": sorted(membership.permissions),
    }
    return render(request, "tenancy/member.html", shown, status=status)
