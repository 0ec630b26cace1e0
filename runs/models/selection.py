"""Runs that were chosen for one deed: frozen, looked at, confirmed, then done one by one."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.timezone import now

from tenancy.models import TenantForeignKey, TenantOwned


class Deed(models.TextChoices):
    """What may be done to many runs at once."""

    CANCEL = "cancel"
    RESUME = "resume"


class Selection(TenantOwned):
    """Ids, not a question: what matches later is not part of it."""

    deed = models.CharField(max_length=16, choices=Deed.choices)
    run_ids = ArrayField(models.UUIDField())
    digest = models.CharField(max_length=64)  # of deed and ids, in their order
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(deed__in=Deed.values), name="selection_deed_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(finished_at=None) | models.Q(confirmed_at__isnull=False),
                name="selection_ends_after_its_confirmation",
            ),
        )
        indexes = (
            models.Index(
                fields=["tenant", "id"],
                name="selection_under_way",
                condition=models.Q(confirmed_at__isnull=False, finished_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.deed} of {len(self.run_ids)} runs"

    @property
    def is_expired(self) -> bool:
        return self.confirmed_at is None and self.expires_at <= now()


class SelectionResult(TenantOwned):
    """What became of one run of a selection."""

    selection = TenantForeignKey(Selection, related_name="results", db_index=False)
    run = TenantForeignKey("runs.Run", related_name="+", db_index=False)
    is_done = models.BooleanField()
    code = models.CharField(max_length=64, blank=True)
    sentence = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["tenant", "selection", "run"], name="one_result_a_run"),
        )

    def __str__(self) -> str:
        return f"{self.run_id}: {'done' if self.is_done else self.code}"
