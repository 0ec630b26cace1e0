"""Secrets: names, fingerprints and ages. Values go in and never come out."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from tenancy import access, secret_facts, secret_store
from tenancy.access import TenantRequest, permission_required
from tenancy.forms import SecretForm
from tenancy.permissions import Permission


@require_safe
@permission_required(Permission.SECRET_VIEW)
def list_secrets(request: TenantRequest) -> HttpResponse:
    form = SecretForm() if access.can(request, Permission.SECRET_EDIT) else None
    shown = {"secrets": secret_facts.list_secrets(), "form": form}
    return render(request, "tenancy/secrets.html", shown)


@sensitive_post_parameters("value")
@require_POST
@permission_required(Permission.SECRET_EDIT)
def put_secret(request: TenantRequest) -> HttpResponse:
    form = SecretForm(request.POST)
    if not form.is_valid():
        shown = {"secrets": secret_facts.list_secrets(), "form": form}
        return render(request, "tenancy/secrets.html", shown, status=422)
    secret_store.put(
        name=form.cleaned_data["name"],
        value=form.cleaned_data["value"],
        by=access.actor_of(request),
    )
    return redirect("tenancy:secrets")


@require_POST
@permission_required(Permission.SECRET_EDIT)
def revoke_secret(request: TenantRequest, name: str) -> HttpResponse:
    secret_store.revoke(name=name, by=access.actor_of(request))
    return redirect("tenancy:secrets")
