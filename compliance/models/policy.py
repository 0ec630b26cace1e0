"""Policies are data: immutable snapshots, and rows that say which one was in force from when."""

from django.db import models

from compliance.policy.rules import Texts
from tenancy.models import TenantForeignKey, TenantOwned


class PolicySnapshot(TenantOwned):
    """One whole policy, never changed. The schema is part of it, so that an old decision can be
    replayed by a newer release."""

    number = models.PositiveIntegerField()
    hard = models.TextField()
    obligations = models.TextField(blank=True)
    schema = models.TextField()
    schema_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    summary = models.CharField(max_length=300, blank=True)
    author_kind = models.CharField(max_length=16)
    author_id = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "number"), name="policy_snapshot_number"),
            models.UniqueConstraint(fields=("tenant", "digest"), name="policy_snapshot_digest"),
        )

    def __str__(self) -> str:
        return f"Policy {self.number}"

    @property
    def texts(self) -> Texts:
        return Texts(hard=self.hard, obligations=self.obligations, schema=self.schema)


class PolicyActivation(TenantOwned):
    """From `at` on, this snapshot is in force, until a later activation."""

    snapshot = TenantForeignKey(PolicySnapshot, related_name="activations")
    number = models.PositiveIntegerField()
    reason = models.CharField(max_length=500, blank=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "number"), name="policy_activation_number"),
        )

    def __str__(self) -> str:
        return f"{self.snapshot} from {self.at}"
