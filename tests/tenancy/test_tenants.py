"""The life of a tenant, in the platform's ledger."""

import pytest

from tenancy import tenants
from tenancy.actors import SYSTEM
from tenancy.context import current_tenant, tenant_context
from tenancy.errors import SlugInvalid, TenantExists, TenantReserved
from tenancy.models import LedgerEntry, Tenant, TenantStatus

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def platform_events(tenant: Tenant) -> list[str]:
    with tenant_context(tenants.get_platform()):
        entries = LedgerEntry.objects.filter(subject_id=str(tenant.pk)).order_by("id")
        return list(entries.values_list("event", flat=True))


def test_created_tenant_has_its_host_and_its_entry() -> None:
    tenant = tenants.create(name="Gamma", slug="gamma", domain="Gamma.localhost", by=SYSTEM)

    assert tenant.status == TenantStatus.ACTIVE
    assert [domain.domain for domain in tenant.domains.all()] == ["gamma.localhost"]
    assert platform_events(tenant) == ["tenant.created"]


@pytest.mark.parametrize("slug", ["", "A", "1st", "a", "white space", "-x", "x-", "x" * 60])
def test_slug_is_held_to_its_form(slug: str) -> None:
    with pytest.raises(SlugInvalid):
        tenants.create(name="Gamma", slug=slug, domain="gamma.localhost", by=SYSTEM)


@pytest.mark.parametrize("slug", ["platform", "public"])
def test_some_slugs_are_reserved(slug: str) -> None:
    with pytest.raises(TenantReserved):
        tenants.create(name="Gamma", slug=slug, domain="gamma.localhost", by=SYSTEM)


def test_name_and_host_are_taken_once(acme: Tenant) -> None:
    with pytest.raises(TenantExists):
        tenants.create(name="Again", slug=acme.slug, domain="again.localhost", by=SYSTEM)
    with pytest.raises(TenantExists):
        tenants.create(name="Again", slug="again", domain=f"{acme.slug}.localhost", by=SYSTEM)


def test_suspending_and_restoring_twice_is_recorded_once_each(acme: Tenant) -> None:
    for _ in range(2):
        tenants.suspend(tenant=acme, by=SYSTEM)
    for _ in range(2):
        tenants.restore(tenant=acme, by=SYSTEM)

    assert acme.status == TenantStatus.ACTIVE
    assert platform_events(acme) == ["tenant.suspended", "tenant.restored"]


def test_platform_is_never_suspended() -> None:
    with pytest.raises(TenantReserved):
        tenants.suspend(tenant=tenants.get_platform(), by=SYSTEM)


def test_new_tenant_is_furnished_inside_its_context(monkeypatch: pytest.MonkeyPatch) -> None:
    furnished: list[str] = []
    monkeypatch.setattr(tenants, "_at_birth", [lambda by: furnished.append(current_tenant().slug)])

    tenants.create(name="Gamma", slug="gamma", domain="gamma.localhost", by=SYSTEM)

    assert furnished == ["gamma"]
