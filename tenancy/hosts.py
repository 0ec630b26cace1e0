"""Which tenant a host name leads to, remembered for seconds only, so that a suspension is soon felt."""

import time

from tenancy.models import Domain, Tenant

KEPT = 1024
SECONDS_KEPT = 3.0

_known: dict[str, tuple[float, Tenant | None]] = {}


def find_tenant(host: str) -> Tenant | None:
    """The tenant of a Host header, port or not. A host that nobody has is remembered, too."""
    name = host.partition(":")[0].lower()
    kept = _known.get(name)
    if kept is not None and kept[0] > time.monotonic():
        return kept[1]
    domain = Domain.objects.select_related("tenant").filter(domain=name).first()
    tenant = domain.tenant if domain is not None else None
    if len(_known) >= KEPT:
        _known.clear()
    _known[name] = (time.monotonic() + SECONDS_KEPT, tenant)
    return tenant


def forget() -> None:
    """Ask the database again: after a change of tenants, and between tests."""
    _known.clear()
