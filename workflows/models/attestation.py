"""What a person signed: that the document of a version is true of it. Inserted once, never changed."""

from typing import Any

from django.db import models

from tenancy.models import TenantForeignKey
from workflows.models.authored import Authored


class Attestation(Authored):
    """One signature. `digest` is the SHA-256 of the document in markdown as it stood at `as_of`.

    `marker` counts what a document is made from: while it is the same, so is the document. `envelope` is the statement,
    signed with the tenant's key.
    """

    workflow = TenantForeignKey("workflows.Workflow", related_name="attestations")
    version = TenantForeignKey("workflows.WorkflowVersion", related_name="attestations")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    as_of = models.DateTimeField()
    marker = models.CharField(max_length=100)
    statement = models.CharField(max_length=2000)
    expires_at = models.DateTimeField(null=True)
    envelope: "models.JSONField[Any, dict[str, Any]]" = models.JSONField()

    class Meta(Authored.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "workflow", "number"), name="attestation_number_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at=None) | models.Q(expires_at__gt=models.F("as_of")),
                name="attestation_expires_later",
            ),
        )

    def __str__(self) -> str:
        return f"attestation {self.number}"
