"""Which tenant this thread works for. Everything that touches tenant data runs inside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from django.db import connections
from django_tenants.postgresql_backend.base import FakeTenant

from tenancy.errors import NoTenant

if TYPE_CHECKING:
    from tenancy.models import Tenant
    from tenancy.pgbackend.base import DatabaseWrapper

ALIASES = ("default", "keys")


@contextmanager
def tenant_context(tenant: "Tenant | None") -> Iterator[None]:
    """Work for this tenant on both databases until the block ends; None means for nobody."""
    wrappers = [_wrapper(alias) for alias in ALIASES]
    before = [wrapper.tenant for wrapper in wrappers]
    wanted = tenant or FakeTenant(schema_name="public")
    try:
        for wrapper in wrappers:
            wrapper.set_tenant(wanted)
        yield
    finally:
        for wrapper, previous in zip(wrappers, before, strict=True):
            wrapper.set_tenant(previous)


def enter(tenant: "Tenant | None") -> None:
    """Set the tenant of this thread until somebody sets another: for middleware and worker threads."""
    for alias in ALIASES:
        _set(alias, tenant)


def find_current_tenant() -> "Tenant | None":
    tenant = _wrapper("default").tenant
    return cast("Tenant", tenant) if getattr(tenant, "pk", None) else None


def current_tenant() -> "Tenant":
    """The tenant of this thread. Raises NoTenant outside a tenant."""
    tenant = find_current_tenant()
    if tenant is None:
        raise NoTenant
    return tenant


def _set(alias: str, tenant: "Tenant | None") -> None:
    _wrapper(alias).set_tenant(tenant or FakeTenant(schema_name="public"))


def _wrapper(alias: str) -> "DatabaseWrapper":
    return cast("DatabaseWrapper", connections[alias])
