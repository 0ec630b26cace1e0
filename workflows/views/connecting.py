"""Connecting a provider: first its kind and the way to sign in, then the fields that follow from both."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenancy import access, secret_facts
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows import provider_forms
from workflows.models import Auth, Provider, ProviderKind
from workflows.provider_forms import ProviderForm
from workflows.providers import register


@require_safe
@permission_required(Permission.PROVIDER_EDIT)
def begin_provider(request: TenantRequest) -> HttpResponse:
    kind, auth = request.GET.get("kind", ""), request.GET.get("auth", "")
    if not provider_forms.is_way(kind, auth):
        return _show_ways(request)
    return _show_form(request, ProviderForm(kind=kind, auth=auth))


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def add_provider(request: TenantRequest) -> HttpResponse:
    kind, auth = request.POST.get("kind", ""), request.POST.get("auth", "")
    if not provider_forms.is_way(kind, auth):
        return _show_ways(request, status=422)
    form = ProviderForm(request.POST, kind=kind, auth=auth)
    if not form.is_valid():
        return _show_form(request, form, status=422)
    provider = register.create_provider(by=access.actor_of(request), **form.facts())
    messages.success(request, f"“{provider.name}” is connected. Add a deployment, then test it.")
    return redirect("places:provider", provider.name)


@require_safe
@permission_required(Permission.PROVIDER_EDIT)
def edit_provider(request: TenantRequest, name: str) -> HttpResponse:
    provider = get_object_or_404(Provider, name=name)
    kind = request.GET.get("kind") or provider.kind
    auth = request.GET.get("auth") or provider.auth
    if request.GET.get("choose") or not provider_forms.is_way(kind, auth):
        return _show_ways(request, provider)
    return _show_form(request, ProviderForm(kind=kind, auth=auth, provider=provider))


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def change_provider(request: TenantRequest, name: str) -> HttpResponse:
    provider = get_object_or_404(Provider, name=name)
    kind, auth = request.POST.get("kind", ""), request.POST.get("auth", "")
    if not provider_forms.is_way(kind, auth):
        return _show_ways(request, provider, status=422)
    form = ProviderForm(request.POST, kind=kind, auth=auth, provider=provider)
    if not form.is_valid():
        return _show_form(request, form, status=422)
    register.change_provider(provider=provider, by=access.actor_of(request), **form.facts())
    messages.success(request, f"“{provider.name}” is changed. The next call goes by it.")
    return redirect("places:provider", name)


def _show_ways(
    request: TenantRequest, provider: Provider | None = None, status: int = 200
) -> HttpResponse:
    shown = {"ways": provider_forms.ways(), "provider": provider}
    return render(request, "workflows/provider_ways.html", shown, status=status)


def _show_form(request: TenantRequest, form: ProviderForm, status: int = 200) -> HttpResponse:
    may_see = access.can(request, Permission.SECRET_VIEW)
    shown = {
        "form": form,
        "provider": form.provider,
        "kind": ProviderKind(form.kind),
        "auth": Auth(form.auth),
        "secrets_list": provider_forms.SECRETS_LIST,
        "secrets": [each.name for each in secret_facts.list_secrets()] if may_see else [],
    }
    return render(request, "workflows/provider_form.html", shown, status=status)
