"""The life of a tenant: created, suspended, restored, deleted. Recorded in the ledger of the platform itself."""

import re
from collections.abc import Callable
from typing import cast

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tenancy import hosts, ledger
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.errors import HostInvalid, SlugInvalid, TenantExists, TenantGone, TenantReserved
from tenancy.events import EventType
from tenancy.models import PLATFORM_SLUG, Domain, Tenant, TenantStatus

SLUG = re.compile(r"[a-z][a-z0-9-]{0,48}[a-z0-9]")
HOST = re.compile(r"[a-z0-9][a-z0-9.-]{1,251}[a-z0-9]")
RESERVED = ("public", "information-schema", "pg")

_at_birth: list[Callable[..., object]] = []


def at_birth(furnish: Callable[..., object]) -> None:
    """Register what every new tenant is furnished with; called as furnish(by=…) inside its context.

    The floors above use it in their apps.py: a tenant without policies could not run anything.
    """
    if furnish not in _at_birth:
        _at_birth.append(furnish)


def create(*, name: str, slug: str, domain: str, by: Actor) -> Tenant:
    """Make a tenant with its first host name. Raises SlugInvalid, TenantReserved, TenantExists."""
    _check_slug(slug)
    with transaction.atomic():
        try:
            with transaction.atomic(), tenant_context(None):
                tenant: Tenant = Tenant.objects.create(schema_name=slug, name=name)
                Domain.objects.create(tenant=tenant, domain=domain.lower(), is_primary=True)
        except (IntegrityError, ValidationError) as error:
            raise TenantExists from error
        _record(EventType.TENANT_CREATED, tenant, by)
        with tenant_context(tenant):
            for furnish in _at_birth:
                furnish(by=by)
    hosts.forget()
    return tenant


def add_host(*, tenant: Tenant, domain: str, by: Actor) -> Domain:
    """One more host name that leads to a tenant, or to the platform. The same one again changes nothing.

    Raises HostInvalid, TenantGone, and TenantExists for a name that leads elsewhere.
    """
    domain = domain.lower()
    if not HOST.fullmatch(domain):
        raise HostInvalid
    if tenant.status == TenantStatus.DELETED:
        raise TenantGone
    first = not tenant.domains.exists()
    with transaction.atomic():
        host, is_new = Domain.objects.get_or_create(
            domain=domain, defaults={"tenant": tenant, "is_primary": first}
        )
        if host.tenant_id != tenant.pk:
            raise TenantExists
        if is_new:
            _record(EventType.TENANT_HOST_ADDED, tenant, by)
    hosts.forget()
    return cast(Domain, host)


def suspend(*, tenant: Tenant, by: Actor) -> None:
    """Nobody signs in, nothing is scheduled, until it is restored. Suspending twice changes nothing."""
    _move(tenant, {TenantStatus.ACTIVE}, TenantStatus.SUSPENDED, EventType.TENANT_SUSPENDED, by)


def restore(*, tenant: Tenant, by: Actor) -> None:
    """Open a suspended tenant again. Restoring twice changes nothing."""
    _move(tenant, {TenantStatus.SUSPENDED}, TenantStatus.ACTIVE, EventType.TENANT_RESTORED, by)


def end(*, tenant: Tenant, by: Actor) -> int:
    """The last step of a tenant's disposal: no host name leads to it, its name is never used again.

    Its keys are destroyed, so it ends even if somebody restored it meanwhile. Gives how many host names went.
    """
    living = {TenantStatus.ACTIVE, TenantStatus.SUSPENDED}
    _move(tenant, living, TenantStatus.DELETED, EventType.TENANT_DELETED, by)
    domains, _ = Domain.objects.filter(tenant=tenant).delete()
    hosts.forget()
    return int(domains)


def get_platform() -> Tenant:
    """The tenant that stands for the platform itself, made at its first use."""
    with tenant_context(None):
        platform: Tenant = Tenant.objects.get_or_create(
            schema_name=PLATFORM_SLUG, defaults={"name": "Platform"}
        )[0]
    return platform


def _check_slug(slug: str) -> None:
    if slug == PLATFORM_SLUG or slug in RESERVED:
        raise TenantReserved
    if not SLUG.fullmatch(slug):
        raise SlugInvalid


def _move(
    tenant: Tenant, before: set[TenantStatus], after: TenantStatus, event: EventType, by: Actor
) -> None:
    if tenant.is_platform:
        raise TenantReserved
    with transaction.atomic():
        if Tenant.objects.filter(pk=tenant.pk, status__in=before).update(status=after):
            _record(event, tenant, by)
    tenant.refresh_from_db(fields=["status"])
    hosts.forget()


def _record(event: EventType, tenant: Tenant, by: Actor) -> None:
    with tenant_context(get_platform()):
        ledger.append(event, subject=tenant, by=by, slug=tenant.slug)
