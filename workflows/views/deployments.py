"""Deployments of a provider: added, changed, switched and tested one by one."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from compliance.labels import DataClass
from tenancy import access
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows.models import Deployment, Provider
from workflows.place_forms import SwitchForm
from workflows.provider_forms import DeploymentForm
from workflows.providers import register, trials
from workflows.views.providers import tell


@require_safe
@permission_required(Permission.PROVIDER_EDIT)
def begin_deployment(request: TenantRequest, name: str) -> HttpResponse:
    provider = get_object_or_404(Provider, name=name)
    return _show_form(request, DeploymentForm(), provider)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def add_deployment(request: TenantRequest, name: str) -> HttpResponse:
    provider = get_object_or_404(Provider, name=name)
    form = DeploymentForm(request.POST)
    if not form.is_valid():
        return _show_form(request, form, provider, status=422)
    facts = dict(form.cleaned_data)
    deployment = register.create_deployment(
        provider=provider,
        clearance=DataClass(facts.pop("clearance")),
        by=access.actor_of(request),
        **facts,
    )
    told = "Give it a price and a place in a model group: without a price no call may be made."
    messages.success(request, f"“{deployment.name}” is added. {told}")
    return redirect("places:provider", name)


@require_safe
@permission_required(Permission.PROVIDER_EDIT)
def edit_deployment(request: TenantRequest, name: str) -> HttpResponse:
    deployment = _deployment(name)
    form = DeploymentForm(deployment=deployment)
    return _show_form(request, form, deployment.provider, deployment)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def change_deployment(request: TenantRequest, name: str) -> HttpResponse:
    deployment = _deployment(name)
    form = DeploymentForm(request.POST, deployment=deployment)
    if not form.is_valid():
        return _show_form(request, form, deployment.provider, deployment, status=422)
    register.change_deployment(
        deployment=deployment, by=access.actor_of(request), **form.cleaned_data
    )
    messages.success(request, f"“{deployment.name}” is changed. The next call goes by it.")
    return redirect("places:provider", deployment.provider.name)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def switch_deployment(request: TenantRequest, name: str) -> HttpResponse:
    deployment = _deployment(name)
    form = SwitchForm(request.POST)
    if form.is_valid():
        enabled = form.cleaned_data["enabled"]
        register.change_deployment(
            deployment=deployment, enabled=enabled, by=access.actor_of(request)
        )
        done = "is enabled" if enabled else "is disabled: the next call goes past it"
        messages.success(request, f"“{deployment.name}” {done}.")
    return redirect("places:provider", deployment.provider.name)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def test_deployment(request: TenantRequest, name: str) -> HttpResponse:
    deployment = _deployment(name)
    tell(request, trials.run(deployment=deployment, by=access.actor_of(request)))
    return redirect("places:provider", deployment.provider.name)


def _deployment(name: str) -> Deployment:
    return get_object_or_404(Deployment.objects.select_related("provider"), name=name)


def _show_form(
    request: TenantRequest,
    form: DeploymentForm,
    provider: Provider,
    deployment: Deployment | None = None,
    status: int = 200,
) -> HttpResponse:
    shown = {"form": form, "provider": provider, "deployment": deployment}
    return render(request, "workflows/deployment_form.html", shown, status=status)
