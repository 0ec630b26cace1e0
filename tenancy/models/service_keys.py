"""Keys of services that work for many tenants. They belong to no tenant; only the public half is kept."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from tenancy.models.owned import new_id
from tenancy.permissions import Permission, to_permissions


class ServiceKeyQuerySet(models.QuerySet["ServiceKey"]):
    def usable(self) -> Self:
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now()),
            revoked_at__isnull=True,
        )


class ServiceKey(models.Model):
    """An Ed25519 public key that may assert a tenant by signing a request."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    public_key = models.BinaryField(unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ServiceKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def permissions(self) -> frozenset[Permission]:
        return to_permissions(self.scopes)

    @property
    def state(self) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now() else "active"


class ServiceNonce(models.Model):
    """A nonce that was used, kept until the assertion it came with is too old anyway."""

    service_key = models.ForeignKey(ServiceKey, on_delete=models.CASCADE, related_name="+")
    nonce = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("service_key", "nonce"), name="service_nonce_is_used_once"
            ),
        )

    def __str__(self) -> str:
        return self.nonce
