"""Secrets: what a provider or tool wants to see. Values are sealed, or kept in Vault, and never leave through a page.

A secret knows where its values are kept, what may use it, and when it expires.
"""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenancy.models.owned import TenantForeignKey, TenantManager, TenantOwned


class BackendKind(models.TextChoices):
    """Where the values of secrets are kept."""

    LOCAL = "local", "Here, sealed with the tenant's key"
    VAULT = "vault", "HashiCorp Vault (KV version 2)"


class VaultAuth(models.TextChoices):
    """How Grove proves to Vault who it is."""

    TOKEN = "token", "Token"
    APPROLE = "approle", "AppRole"


def _names() -> "ArrayField[list[str], list[str]]":
    """Names that a secret is bound to; none means that it is not bound in this respect."""
    return ArrayField(models.CharField(max_length=100), default=list, blank=True)


class Secret(TenantOwned):
    """A name. What it stands for is in its versions."""

    name = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    in_use = models.PositiveIntegerField(
        null=True
    )  # null: the newest version; else a newer one waits for its test
    expires_on = models.DateField(null=True)  # the last day on which it serves
    rotate_days = models.PositiveSmallIntegerField(null=True)  # a version is to be replaced by then
    bound_workflows = _names()
    bound_providers = _names()
    bound_destinations = _names()
    bound_classes = _names()

    class Meta(TenantOwned.Meta):
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["tenant", "name"], name="secret_name_is_unique"),
        )

    def __str__(self) -> str:
        return self.name


class SecretVersionQuerySet(models.QuerySet["SecretVersion"]):
    def readable(self) -> Self:
        """Those whose value is still somewhere, of secrets that are not revoked."""
        kept = models.Q(sealed__isnull=False) | models.Q(outside_version__isnull=False)
        return self.filter(kept, emptied_at__isnull=True, secret__revoked_at__isnull=True)


class SecretVersion(TenantOwned):
    """One value of a secret: sealed for its tenant, name and number, or named by its place in Vault."""

    secret = TenantForeignKey(Secret, related_name="versions")
    number = models.PositiveIntegerField()
    backend = models.CharField(
        max_length=16, choices=BackendKind.choices, default=BackendKind.LOCAL
    )
    sealed = models.BinaryField(null=True)  # null once emptied, or where the value is elsewhere
    outside_path = models.CharField(max_length=400, blank=True)  # mount and path in Vault
    outside_version = models.PositiveIntegerField(null=True)  # what Vault calls this version
    emptied_at = models.DateTimeField(null=True)  # from then on its value is nowhere
    fingerprint = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_kind = models.CharField(max_length=16)
    created_by_id = models.CharField(max_length=64)

    objects = TenantManager.from_queryset(SecretVersionQuerySet)()  # type: ignore[misc]  # as in membership.py

    class Meta(TenantOwned.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "secret", "number"], name="secret_version_is_unique"
            ),
        )

    def __str__(self) -> str:
        return f"version {self.number}"


class SecretBackend(TenantOwned):
    """Where a tenant keeps the secrets that it stores from now on. Without a row: as the settings say."""

    kind = models.CharField(max_length=16, choices=BackendKind.choices)
    address = models.CharField(max_length=300, blank=True)
    namespace = models.CharField(max_length=200, blank=True)
    mount = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=200, blank=True)
    auth = models.CharField(max_length=16, choices=VaultAuth.choices, default=VaultAuth.TOKEN)
    role_id = models.CharField(max_length=200, blank=True)
    credential_sealed = models.BinaryField(null=True)  # the token, or AppRole's secret id
    ca_pem = models.TextField(blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=["tenant"], name="secret_backend_is_single"),
            models.CheckConstraint(
                condition=models.Q(kind__in=BackendKind.values), name="secret_backend_is_known"
            ),
        )

    def __str__(self) -> str:
        return self.get_kind_display()
