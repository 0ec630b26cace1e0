"""Secrets: names, versions, bindings, uses and ages. Values go in and never come out."""

from collections.abc import Sequence

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenancy import access, secret_backends, secret_facts, secret_store, secret_uses
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from tenancy.secret_facts import SecretFacts
from tenancy.secret_forms import (
    BackendForm,
    ReplaceForm,
    RevokeForm,
    SecretForm,
    UseForm,
    VersionForm,
)
from tenancy.secret_uses import Tried


@require_safe
@permission_required(Permission.SECRET_VIEW)
def list_secrets(request: TenantRequest) -> HttpResponse:
    form = SecretForm() if access.can(request, Permission.SECRET_EDIT) else None
    return _show_all(request, form)


@sensitive_post_parameters("value")
@require_POST
@permission_required(Permission.SECRET_EDIT)
def put_secret(request: TenantRequest) -> HttpResponse:
    form = SecretForm(request.POST)
    if form.is_valid() and secret_store.exists(form.cleaned_data["name"]):
        form.add_error("name", "There is one of this name. Replace its value on its own page.")
    if not form.is_valid():
        return _show_all(request, form, status=422)
    secret_store.put(**form.cleaned_data, by=access.actor_of(request))
    return redirect("tenancy:secret", form.cleaned_data["name"])


@require_safe
@permission_required(Permission.SECRET_VIEW)
def show_secret(request: TenantRequest, name: str) -> HttpResponse:
    return _show(request, _get(name))


@sensitive_post_parameters("value")
@require_POST
@permission_required(Permission.SECRET_EDIT)
def replace_secret(request: TenantRequest, name: str) -> HttpResponse:
    secret, form = _get(name), ReplaceForm(request.POST)
    if not form.is_valid():
        return _show(request, secret, replace=form, status=422)
    secret_store.put(
        name=name,
        value=form.cleaned_data["value"],
        waits=form.cleaned_data["waits"],
        by=access.actor_of(request),
    )
    return redirect("tenancy:secret", name)


@require_POST
@permission_required(Permission.SECRET_EDIT)
def test_secret(request: TenantRequest, name: str) -> HttpResponse:
    """One minimal call by everything that names the secret, with its newest version."""
    _get(name)
    tried = secret_store.test(name=name, by=access.actor_of(request))
    return _show(request, _get(name), tried=tried)


@require_POST
@permission_required(Permission.SECRET_EDIT)
def confirm_version(request: TenantRequest, name: str) -> HttpResponse:
    secret_store.confirm(name=name, number=_number(request), by=access.actor_of(request))
    return redirect("tenancy:secret", name)


@require_POST
@permission_required(Permission.SECRET_EDIT)
def discard_version(request: TenantRequest, name: str) -> HttpResponse:
    secret_store.discard(name=name, number=_number(request), by=access.actor_of(request))
    return redirect("tenancy:secret", name)


@require_POST
@permission_required(Permission.SECRET_EDIT)
def change_secret(request: TenantRequest, name: str) -> HttpResponse:
    """Last day, rotation and bindings."""
    secret = _get(name)
    form = UseForm(request.POST, secret=secret, names=secret_uses.names_to_bind())
    if not form.is_valid():
        return _show(request, secret, use=form, status=422)
    secret_store.change(
        name=name,
        expires_on=form.cleaned_data["expires_on"],
        rotate_days=form.cleaned_data["rotate_days"],
        bindings=form.bindings(),
        by=access.actor_of(request),
    )
    return redirect("tenancy:secret", name)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.SECRET_EDIT)
def revoke_secret(request: TenantRequest, name: str) -> HttpResponse:
    """First what would stop, then the deed."""
    secret = _get(name)
    sent = request.POST if request.method == "POST" else None
    form = RevokeForm(sent, name=name, is_used=bool(secret.used_by))
    if not form.is_valid():
        shown = {"secret": secret, "hit": secret_facts.hit_by_revoking(name), "form": form}
        status = 200 if sent is None else 422
        return render(request, "tenancy/revoke_secret.html", shown, status=status)
    confirmation = form.cleaned_data.get("confirmation", "")
    secret_store.revoke(name=name, confirmation=confirmation, by=access.actor_of(request))
    return redirect("tenancy:secret", name)


@sensitive_post_parameters("credential")
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.SECRET_EDIT)
def choose_backend(request: TenantRequest) -> HttpResponse:
    """Where new values are kept."""
    told = secret_backends.describe()
    form = BackendForm(request.POST) if request.method == "POST" else BackendForm.showing(told)
    if not form.is_valid():
        shown = {"form": form, "backend": told, "kept": secret_facts.count_by_backend()}
        return render(
            request, "tenancy/secret_backend.html", shown, status=422 if form.errors else 200
        )
    secret_backends.choose(**form.chosen(), by=access.actor_of(request))
    return redirect("tenancy:secret-backend")


def _get(name: str) -> SecretFacts:
    secret = secret_facts.find_secret(name)
    if secret is None:
        raise Http404
    return secret


def _number(request: TenantRequest) -> int:
    """The version that the page showed; 0 is none, which no verb takes for the newest."""
    form = VersionForm(request.POST)
    return int(form.cleaned_data["number"]) if form.is_valid() else 0


def _show_all(request: TenantRequest, form: SecretForm | None, status: int = 200) -> HttpResponse:
    shown = {
        "secrets": secret_facts.list_secrets(),
        "form": form,
        "backend": secret_backends.describe(),
    }
    return render(request, "tenancy/secrets.html", shown, status=status)


def _show(
    request: TenantRequest,
    secret: SecretFacts,
    *,
    replace: ReplaceForm | None = None,
    use: UseForm | None = None,
    tried: Sequence[Tried] | None = None,
    status: int = 200,
) -> HttpResponse:
    shown: dict[str, object] = {"secret": secret, "tried": tried}
    if access.can(request, Permission.SECRET_EDIT):
        names = secret_uses.names_to_bind()
        shown["replace"] = replace or ReplaceForm()
        shown["use"] = use or UseForm(secret=secret, names=names)
    return render(request, "tenancy/secret.html", shown, status=status)
