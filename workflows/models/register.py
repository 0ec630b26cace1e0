"""The register: what every provider, deployment and model group was, from when on. Kept as written.

Each change of one of them leaves an entry with all its facts, so that a document can say how things stood on any date.
"""

from typing import Any

from django.db import models

from tenancy.models import TenantOwned
from workflows.models.authored import Authored


class RegisterKind(models.TextChoices):
    PROVIDER = "provider"
    DEPLOYMENT = "deployment"
    MODEL_GROUP = "model_group"
    DESTINATION = "destination"
    STORAGE_PROFILE = "storage_profile"
    CLASS_PLACEMENT = "class_placement"


class RegisterEntry(Authored):
    """The facts of one thing from `created_at` on, until the next entry about it."""

    kind = models.CharField(max_length=16, choices=RegisterKind.choices)
    subject_id = models.UUIDField()
    name = models.CharField(max_length=64)
    facts: "models.JSONField[Any, dict[str, Any]]" = models.JSONField()

    class Meta(Authored.Meta):
        verbose_name_plural = "register entries"
        ordering = ("id",)
        indexes = (
            models.Index(
                fields=("tenant", "kind", "name", "-created_at"), name="register_by_name_and_time"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class RegisterEpoch(TenantOwned):
    """Counts the changes of all that says where a model call may go: triggers keep it (see migration 0003).

    Whoever keeps the register in memory knows by this number whether it still holds.
    """

    number = models.BigIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant",), name="register_epoch_is_single"),
        )

    def __str__(self) -> str:
        return str(self.number)
