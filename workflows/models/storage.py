"""Storage profiles: where workflows keep objects; and the objects, each version written once."""

from typing import Any

from django.db import models
from django.utils import timezone

from compliance.labels import DataClass
from tenancy.models import TenantForeignKey, TenantOwned


class StorageKind(models.TextChoices):
    FILESYSTEM = "filesystem", "Files of this installation"


class StorageProfile(TenantOwned):
    """A place for objects. `clearance` is the highest data class that may be kept there."""

    name = models.SlugField(max_length=64)
    title = models.CharField(max_length=200, blank=True)
    kind = models.CharField(
        max_length=16, choices=StorageKind.choices, default=StorageKind.FILESYSTEM
    )
    region = models.CharField(max_length=32, blank=True)
    clearance = models.PositiveSmallIntegerField(default=int(DataClass.PUBLIC))
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "name"), name="storage_profile_name_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(clearance__lte=int(max(DataClass))),
                name="storage_profile_clearance_is_known",
            ),
        )

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def cleared_for(self) -> DataClass:
        return DataClass(self.clearance)


class StoredObject(TenantOwned):
    """One version of an object: what it is, and where its sealed bytes lie. Never changed; disposal deletes it.

    It is sealed with the data key of the run that wrote it, so that erasing the run erases it.
    """

    profile = TenantForeignKey("workflows.StorageProfile", related_name="stored_objects")
    key = models.CharField(max_length=300)
    number = models.PositiveIntegerField()
    run_id = models.UUIDField()  # runs are of the floor above: no foreign key
    node_id = models.CharField(max_length=200)
    data_key_id = models.UUIDField()
    reference = models.CharField(max_length=300)
    size = models.PositiveBigIntegerField()
    content_type = models.CharField(max_length=100)
    labels: "models.JSONField[Any, dict[str, Any]]" = models.JSONField()
    commitment = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ("key", "-number")
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "profile", "key", "number"), name="stored_version_is_unique"
            ),
            models.UniqueConstraint(
                fields=("tenant", "profile", "idempotency_key"), name="stored_once_a_call"
            ),
        )
        indexes = (models.Index(fields=("tenant", "run_id"), name="stored_by_run"),)

    def __str__(self) -> str:
        return f"{self.key} {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A version of an object is never changed after it was written.")
        super().save(*args, **kwargs)
