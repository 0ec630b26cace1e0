"""Chores go from tenant to tenant, and one tenant's trouble keeps no other waiting."""

import logging
from collections.abc import Callable

from django.db import DatabaseError

from tenancy.context import tenant_context
from tenancy.errors import GroveError
from tenancy.models import Tenant, TenantStatus

logger = logging.getLogger(__name__)


def for_each_tenant(
    verb: Callable[[], object],
    *,
    only_active: bool = False,
    beside: tuple[type[GroveError], ...] = (),
) -> None:
    """Call `verb` within each tenant. What fails is logged with the tenant's name; `beside` is expected, and is not."""
    tenants = Tenant.objects.order_by("pk")
    if only_active:
        tenants = tenants.filter(status=TenantStatus.ACTIVE)
    for tenant in tenants:
        try:
            with tenant_context(tenant):
                verb()
        except beside:
            continue
        except (GroveError, DatabaseError, OSError):
            name = f"{verb.__module__}.{verb.__qualname__}"
            logger.exception(
                "A chore failed for a tenant",
                extra={"action": "chore_failed", "chore": name, "tenant_slug": tenant.slug},
            )
