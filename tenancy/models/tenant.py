"""Tenants and the host names that lead to them."""

from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

from tenancy.models.owned import new_id

PLATFORM_SLUG = "platform"


class TenantStatus(models.TextChoices):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Tenant(TenantMixin):
    """An institution. Its schema_name is only a name: all rows share one schema."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    status = models.CharField(
        max_length=16, choices=TenantStatus.choices, default=TenantStatus.ACTIVE
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # From the quota in force: claims of runs are given out where no tenant, and so no quota, can be read.
    concurrent_runs = models.PositiveIntegerField(null=True, editable=False)

    auto_create_schema = False
    auto_drop_schema = False

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="tenant_status_is_known",
                condition=models.Q(status__in=TenantStatus.values),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def slug(self) -> str:
        return str(self.schema_name)

    @property
    def is_active(self) -> bool:
        return self.status == TenantStatus.ACTIVE

    @property
    def is_platform(self) -> bool:
        return self.slug == PLATFORM_SLUG


class Domain(DomainMixin):
    """A host name of a tenant."""

    without_row_level_security = "A host name leads to its tenant before any tenant is known."

    def __str__(self) -> str:
        return str(self.domain)
