"""Who and whose, as rows."""

from tenancy.models.owned import CurrentTenant, TenantForeignKey, TenantManager, TenantOwned, new_id
from tenancy.models.tenant import PLATFORM_SLUG, Domain, Tenant, TenantStatus
from tenancy.models.user import User

__all__ = [
    "PLATFORM_SLUG",
    "CurrentTenant",
    "Domain",
    "Tenant",
    "TenantForeignKey",
    "TenantManager",
    "TenantOwned",
    "TenantStatus",
    "User",
    "new_id",
]
