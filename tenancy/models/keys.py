"""Wrapped keys, in their own database: tenant key, owner keys, data keys. Each is wrapped by the one above, once.

A destroyed key keeps its row, so that its id is never used again; its wrapped bytes are gone.
"""

from typing import Any, ClassVar

from django.db import models

from tenancy.models.owned import CurrentTenant, TenantForeignKey, TenantManager, new_id

DESTROYED_IS_EMPTY = models.Q(destroyed_at__isnull=True) ^ models.Q(wrapped=b"")


class WrappedKey(models.Model):
    """Base of the three. The tenant is a plain id: there is no foreign key across databases."""

    database: ClassVar = "keys"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField(db_default=CurrentTenant(), editable=False)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    destroyed_at = models.DateTimeField(null=True)

    objects: TenantManager[Any] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class TenantKey(WrappedKey):
    """Wrapped by a root key. One per tenant, for ever: a destroyed one is not replaced."""

    root_key_id = models.UUIDField()
    rewrapped_at = models.DateTimeField(null=True)

    class Meta(WrappedKey.Meta):
        constraints = (
            models.UniqueConstraint(fields=["tenant_id"], name="tenant_key_is_single"),
            models.CheckConstraint(
                name="tenant_key_destroyed_is_empty", condition=DESTROYED_IS_EMPTY
            ),
        )

    def __str__(self) -> str:
        return f"tenant key {self.pk}"


class OwnerKey(WrappedKey):
    """Wrapped by the tenant key. One living key per owner label; the label itself is not stored."""

    tenant_key = TenantForeignKey(TenantKey, related_name="owner_keys")
    label_digest = models.BinaryField()

    class Meta(WrappedKey.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=["tenant_id", "label_digest"],
                condition=models.Q(destroyed_at__isnull=True),
                name="owner_key_is_single",
            ),
            models.CheckConstraint(
                name="owner_key_destroyed_is_empty", condition=DESTROYED_IS_EMPTY
            ),
        )

    def __str__(self) -> str:
        return f"owner key {self.pk}"


class DataKey(WrappedKey):
    """Wrapped by an owner key. Seals the content of one run, workflow or session."""

    owner_key = TenantForeignKey(OwnerKey, related_name="data_keys")

    class Meta(WrappedKey.Meta):
        constraints = (
            models.CheckConstraint(
                name="data_key_destroyed_is_empty", condition=DESTROYED_IS_EMPTY
            ),
        )

    def __str__(self) -> str:
        return f"data key {self.pk}"
