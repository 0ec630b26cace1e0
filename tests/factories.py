"""Makes what a test needs. Each `make_…` takes what matters to the test and invents the rest."""

import itertools
from typing import Any

from tenancy.context import tenant_context
from tenancy.models import Domain, Tenant

_numbers = itertools.count(1)


def make_tenant(*, name: str = "Acme Bank", slug: str = "", **fields: Any) -> Tenant:
    """A tenant that no other test knows, with the host name <slug>.localhost."""
    slug = slug or f"{name.split()[0].lower()}-{next(_numbers)}"
    with tenant_context(None):
        tenant = Tenant.objects.create(schema_name=slug, name=name, **fields)
        Domain.objects.create(tenant=tenant, domain=f"{slug}.localhost", is_primary=True)
    return tenant
