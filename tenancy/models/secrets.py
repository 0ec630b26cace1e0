"""Secrets: what a provider or tool wants to see. Values are sealed and never leave through a page or the API."""

from django.db import models

from tenancy.models.owned import TenantForeignKey, TenantOwned


class Secret(TenantOwned):
    """A name. What it stands for is in its versions; the newest counts."""

    name = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["tenant", "name"], name="secret_name_is_unique"),
        )

    def __str__(self) -> str:
        return self.name


class SecretVersion(TenantOwned):
    """One value of a secret, sealed for its tenant, name and number."""

    secret = TenantForeignKey(Secret, related_name="versions")
    number = models.PositiveIntegerField()
    sealed = models.BinaryField(null=True)  # null once the secret is revoked
    fingerprint = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_kind = models.CharField(max_length=16)
    created_by_id = models.CharField(max_length=64)

    class Meta(TenantOwned.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "secret", "number"], name="secret_version_is_unique"
            ),
        )

    def __str__(self) -> str:
        return f"version {self.number}"
