"""Rotation of the root key: every tenant's key is wrapped anew while everything runs. Nothing below it changes."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.utils.timezone import now

from tenancy import keys, ledger, tenants
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.errors import GroveError
from tenancy.events import EventType
from tenancy.models import LedgerEntry, Tenant, TenantKey
from tenancy.root_key import root_keys

REWRAPPED, CURRENT, WITHOUT, FAILED = "wrapped anew", "already current", "has no key", "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to one tenant's key."""

    tenant: Tenant
    outcome: str
    sentence: str = ""


def rotate_root(*, by: Actor) -> Iterator[Step]:
    """Wrap every tenant's key with GROVE_ROOT_KEY. May stop anywhere and be run again; two at once do no harm.

    The platform's ledger gets an entry before the first key and one after the last.
    """
    root = root_keys().current
    subject = ledger.Subject(kind="root_key", id=str(root.id))
    everyone = list(Tenant.objects.order_by("pk"))
    if any(_is_behind(tenant) for tenant in everyone):
        _record(EventType.KEY_ROTATION_BEGUN, subject, by, tenants=len(everyone))
    counts = {REWRAPPED: 0, CURRENT: 0, WITHOUT: 0, FAILED: 0}
    for tenant in everyone:
        step = _rewrap(tenant)
        counts[step.outcome] += 1
        yield step
    if not counts[FAILED] and _has_begun(subject):
        _record(
            EventType.KEY_ROTATED, subject, by, rewrapped=counts[REWRAPPED], current=counts[CURRENT]
        )


def _is_behind(tenant: Tenant) -> bool:
    with tenant_context(tenant):
        living = TenantKey.objects.filter(destroyed_at__isnull=True)
        return bool(living.exclude(root_key_id=root_keys().current.id).exists())


def _rewrap(tenant: Tenant) -> Step:
    roots = root_keys()
    with tenant_context(tenant):
        row = TenantKey.objects.filter(destroyed_at__isnull=True).first()
        if row is None:
            return Step(tenant, WITHOUT)
        if row.root_key_id == roots.current.id:
            return Step(tenant, CURRENT)
        try:
            key = keys.open_tenant_key(row, tenant.pk)
        except GroveError as error:
            return Step(tenant, FAILED, error.sentence)
        wrapped = keys.wrap(roots.current, key, tenant_id=tenant.pk, model=TenantKey)
        before = TenantKey.objects.filter(
            pk=row.pk, root_key_id=row.root_key_id, destroyed_at__isnull=True
        )
        won = before.update(wrapped=wrapped, root_key_id=roots.current.id, rewrapped_at=now())
        return Step(tenant, REWRAPPED if won else CURRENT)


def _has_begun(subject: ledger.Subject) -> bool:
    """Was a rotation to this key begun and not yet recorded as done, now or in a run that stopped half-way?"""
    with tenant_context(tenants.get_platform()):
        last = (
            LedgerEntry.objects.filter(subject_kind=subject.kind, subject_id=subject.id)
            .order_by("-id")
            .first()
        )
    return last is not None and last.event == EventType.KEY_ROTATION_BEGUN


def _record(event: EventType, subject: ledger.Subject, by: Actor, **facts: int) -> None:
    with tenant_context(tenants.get_platform()), transaction.atomic():
        ledger.append(event, subject=subject, by=by, **facts)
