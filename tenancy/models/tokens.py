"""Tokens with which programs act for a member. Only a digest of the secret is kept."""

from typing import Self

from django.db import models
from django.utils.timezone import now

from tenancy.models.membership import Membership
from tenancy.models.owned import TenantForeignKey, TenantManager, TenantOwned
from tenancy.permissions import Permission, to_permissions


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> Self:
        return self.filter(revoked_at__isnull=True, expires_at__gt=now())


class ApiToken(TenantOwned):
    """`grove_<prefix>_<secret>`: the prefix finds the row, the SHA-256 of the secret proves it."""

    membership = TenantForeignKey(Membership, related_name="tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)
    secret_digest = models.BinaryField()
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TenantManager.from_queryset(ApiTokenQuerySet)()  # type: ignore[misc]  # the plugin takes the base's for a ClassVar

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "prefix"), name="api_token_prefix_is_unique"),
        )

    def __str__(self) -> str:
        return f"{self.name} (grove_{self.prefix}_…)"

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it may do: its scopes, as far as its member's role still allows them."""
        of_role: frozenset[Permission] = self.membership.permissions
        return to_permissions(self.scopes) & of_role

    @property
    def state(self) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at > now() else "expired"
