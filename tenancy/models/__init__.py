"""Who and whose, as rows."""

from tenancy.models.idempotency import IdempotencyKey
from tenancy.models.keys import DataKey, OwnerKey, TenantKey
from tenancy.models.ledger import (
    LedgerCheckpoint,
    LedgerEntry,
    LedgerLeaf,
    LedgerNode,
    LedgerVerification,
    SigningKey,
)
from tenancy.models.membership import Membership
from tenancy.models.owned import (
    CurrentTenant,
    OwnedThroughParent,
    TenantForeignKey,
    TenantManager,
    TenantOwned,
    first_id,
    new_id,
    new_id_text,
)
from tenancy.models.quota import RUNS, MoneyPeriod, Quota, QuotaUse, WhenFull
from tenancy.models.secrets import (
    BackendKind,
    Secret,
    SecretBackend,
    SecretVersion,
    VaultAuth,
)
from tenancy.models.service_keys import ServiceKey, ServiceNonce
from tenancy.models.tenant import PLATFORM_SLUG, Domain, Tenant, TenantStatus
from tenancy.models.tokens import ApiToken
from tenancy.models.user import Density, Theme, User

__all__ = [
    "PLATFORM_SLUG",
    "RUNS",
    "ApiToken",
    "BackendKind",
    "CurrentTenant",
    "DataKey",
    "Density",
    "Domain",
    "IdempotencyKey",
    "LedgerCheckpoint",
    "LedgerEntry",
    "LedgerLeaf",
    "LedgerNode",
    "LedgerVerification",
    "Membership",
    "MoneyPeriod",
    "OwnedThroughParent",
    "OwnerKey",
    "Quota",
    "QuotaUse",
    "Secret",
    "SecretBackend",
    "SecretVersion",
    "ServiceKey",
    "ServiceNonce",
    "SigningKey",
    "Tenant",
    "TenantForeignKey",
    "TenantKey",
    "TenantManager",
    "TenantOwned",
    "TenantStatus",
    "Theme",
    "User",
    "VaultAuth",
    "WhenFull",
    "first_id",
    "new_id",
    "new_id_text",
]
