"""What people say about themselves: their name, and how pages look to them. The same in every tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.db import connection, transaction
from django.utils import timezone

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import ProfileInvalid
from tenancy.events import EventType
from tenancy.models import Density, Domain, Tenant, Theme, User


@transaction.atomic
def change(*, user: User, name: str, time_zone: str, theme: str, density: str, by: Actor) -> None:
    """Keep it. The entry says what changed, never the name. Raises ProfileInvalid."""
    wanted = {"name": " ".join(name.split()), "time_zone": time_zone.strip()}
    wanted |= {"theme": theme, "density": density}
    _check(wanted)
    changed = sorted(field for field, value in wanted.items() if getattr(user, field) != value)
    if not changed:
        return
    for field, value in wanted.items():
        setattr(user, field, value)
    user.save(update_fields=changed)
    ledger.append(EventType.PROFILE_CHANGED, subject=user, by=by, changed=changed)


@contextmanager
def local_time_of(user: User | None) -> Iterator[None]:
    """Times are shown, and dates are read, in the person's time zone; UTC where none was chosen."""
    name = getattr(user, "time_zone", "")
    if not name or name not in available_timezones():
        yield
        return
    with timezone.override(ZoneInfo(name)):
        yield


def places_of(user: User) -> list[tuple[Tenant, str]]:
    """The living tenants in which the person is a member, by name, each with a host name that leads there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT grove_places_of(%s)", [user.pk])  # tenancy/migrations/
        ids = [row[0] for row in cursor.fetchall()]
    hosts: dict[UUID, str] = {}
    for domain in Domain.objects.filter(tenant__in=ids).order_by("-is_primary", "pk"):
        hosts.setdefault(domain.tenant_id, str(domain.domain))
    here = current_tenant().pk
    return [
        (tenant, hosts.get(tenant.pk, ""))
        for tenant in Tenant.objects.filter(pk__in=ids).order_by("name", "pk")
        if tenant.pk in hosts or tenant.pk == here
    ]


def _check(wanted: dict[str, str]) -> None:
    if not 0 < len(wanted["name"]) <= 200:
        raise ProfileInvalid("A name has from 1 to 200 signs.")
    if wanted["time_zone"] and wanted["time_zone"] not in available_timezones():
        raise ProfileInvalid(
            f"“{wanted['time_zone'][:64]}” is no time zone. Write one such as Europe/Berlin."
        )
    if wanted["theme"] not in Theme.values or wanted["density"] not in Density.values:
        raise ProfileInvalid(
            "Themes are light, dark, or empty for the system's; density is compact or empty."
        )
