"""Where model calls may go: all providers at a glance, one with its deployments, its switch and its test."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from compliance.labels import DataClass
from compliance.models import Alert, AlertKind
from tenancy import access, spreadsheets
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows import model_groups, provider_filters, provider_table
from workflows.models import ModelGroup, ModelGroupMember, Provider, ProviderKind
from workflows.place_forms import SwitchForm
from workflows.providers import (
    connection,
    health,
    overview,
    prices,
    register,
    routes,
    trial_rounds,
    trials,
)
from workflows.providers.connection_settings import SECRETS_OF_AUTH
from workflows.providers.overview import Row
from workflows.providers.trials import Trial

ALERTS = (AlertKind.DEPLOYMENT_ILL, AlertKind.MODEL_DRIFT, AlertKind.PAPERS_EXPIRY)
EVENTS_SHOWN = 6


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def list_providers(request: TenantRequest) -> HttpResponse:
    rows = overview.of(Provider.objects.all())
    asked, last = provider_filters.of(request.GET), trial_rounds.find_last()
    groups = _groups(rows)
    shown = {
        "rows": [row for row in rows if _fits(row, asked)],
        "asked": asked,
        "question": provider_filters.to_text(asked),
        "last_round": last,
        "file": f"{reverse('places:provider-table')}?{urlencode(asked)}",
        "states": provider_filters.STATES,
        "regions": sorted({row.provider.region for row in rows if row.provider.region}),
        "classes": [level for level in DataClass if level],
        "totals": overview.total(rows),
        "failing": [row for row in rows if row.state == "failing"],
        "groups": groups,
        "failovers": sum(group["calls"].failovers for group in groups),
        "calls_of_groups": sum(group["calls"].calls for group in groups),
        "events": _events(request),
        "today": now().date(),
        "may_edit": access.can(request, Permission.PROVIDER_EDIT),
        "may_replace": access.can(request, Permission.SECRET_EDIT),
    }
    return render(request, "workflows/providers.html", shown)


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def download_table(request: TenantRequest) -> HttpResponse:
    """The providers that the page shows, a line for each deployment."""
    asked = provider_filters.of(request.GET)
    rows = [row for row in overview.of(Provider.objects.all()) if _fits(row, asked)]
    return HttpResponse(
        spreadsheets.to_csv(provider_table.HEADS, provider_table.lines(rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="providers-{now().date()}.csv"'},
    )


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def show_provider(request: TenantRequest, name: str) -> HttpResponse:
    provider = get_object_or_404(Provider, name=name)
    (row,) = overview.of([provider])
    at = now()
    tests = trials.last_of([each for each, _ in row.deployments])
    groups = ModelGroupMember.objects.filter(deployment__provider=provider)
    shown = {
        "row": row,
        "provider": provider,
        "kind": ProviderKind(provider.kind).label,
        "deployments": [
            (each, found, prices.find_price(routes.to_target(each), at), tests.get(each.pk))
            for each, found in row.deployments
        ],
        "groups": sorted(set(groups.values_list("group__name", flat=True))),
        "settings": _settings(provider),
        "secrets": _secrets(provider),
        "papers_are_void": not provider.papers_are_valid(at.date()),
        "may_edit": access.can(request, Permission.PROVIDER_EDIT),
    }
    return render(request, "workflows/provider.html", shown)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def switch_provider(request: TenantRequest, name: str) -> HttpResponse:
    provider = get_object_or_404(Provider, name=name)
    form = SwitchForm(request.POST)
    if form.is_valid():
        enabled = form.cleaned_data["enabled"]
        register.change_provider(provider=provider, enabled=enabled, by=access.actor_of(request))
        done = "is enabled" if enabled else "is disabled: the next call goes past it"
        messages.success(request, f"“{provider.name}” {done}.")
    return redirect("places:provider", name)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def test_provider(request: TenantRequest, name: str) -> HttpResponse:
    provider = get_object_or_404(Provider, name=name)
    tell(request, trials.of_provider(provider=provider, by=access.actor_of(request)))
    return redirect("places:provider", name)


def tell(request: TenantRequest, trial: Trial) -> None:
    """Show on the next page what came of a test."""
    say = messages.success if trial.passed else messages.error
    say(request, trial.in_words)


def _fits(row: Row, asked: dict[str, str]) -> bool:
    provider = row.provider
    return provider_filters.fits(
        asked,
        named=f"{provider.name} {provider.title} {provider.get_kind_display()}",
        state=row.state,
        region=provider.region,
        clearance=row.clearance,
    )


def _groups(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Model groups with their members and how these are."""
    found = {each.pk: how for row in rows for each, how in row.deployments}
    groups = list(ModelGroup.objects.prefetch_related("members__deployment__provider"))
    calls = health.of_groups([group.name for group in groups])
    users = model_groups.users()
    return [
        {
            "name": group.name,
            "workflows": users.get(group.name, []),
            "clearance": min(
                (each.deployment.clearance for each in group.members.all()), default=None
            ),
            "members": [
                (each.deployment, found[each.deployment_id]) for each in group.members.all()
            ],
            "calls": calls[group.name],
        }
        for group in groups
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that began, or that is over."""

    alert: Alert
    at: datetime
    is_over: bool = False


def _events(request: TenantRequest) -> Sequence[Event] | None:
    """The newest about providers; None for those who may not see alerts."""
    if not access.can(request, Permission.DECISION_VIEW):
        return None
    alerts = Alert.objects.filter(kind__in=ALERTS)
    over = alerts.filter(over_at__isnull=False).order_by("-over_at")
    found = [Event(alert=each, at=each.raised_at) for each in alerts[:EVENTS_SHOWN]]
    found += [
        Event(alert=each, at=each.over_at or each.raised_at, is_over=True)
        for each in over[:EVENTS_SHOWN]
    ]
    return sorted(found, key=lambda event: event.at, reverse=True)[:EVENTS_SHOWN]


def _settings(provider: Provider) -> list[tuple[str, str]]:
    """What is set or taken by default, in words; long texts by their length."""
    told = []
    for setting in connection.settings_of(provider.kind, provider.auth):
        value = provider.settings.get(setting.name)
        if setting.is_switch:
            value = "yes" if (bool(setting.default) if value is None else value) else "no"
        elif setting.is_long and value:
            value = f"{len(value):,} characters"
        told.append((setting.label, value or setting.default))
    return [(label, value) for label, value in told if value]


def _secrets(provider: Provider) -> list[tuple[str, str]]:
    """What each secret is for, and its name."""
    named = {role.name: provider.more_secrets.get(role.name, "") for role in _roles(provider)}
    if first := next(iter(named), None):
        named[first] = provider.secret_name
    return [(role.label, named[role.name]) for role in _roles(provider) if named[role.name]]


def _roles(provider: Provider) -> Sequence[Any]:
    return SECRETS_OF_AUTH.get(provider.auth, ())
