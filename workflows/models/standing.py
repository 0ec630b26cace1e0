"""How each deployment stands as all workers know it, and where each data class may go."""

from typing import Any

from django.db import models
from django.utils import timezone

from compliance.labels import DataClass
from tenancy.models import TenantForeignKey, TenantOwned


class DeploymentStanding(TenantOwned):
    """One row a deployment, written only when it changes: a good answer of a closed breaker leaves it alone.

    `failures` counts those in a row; until `open_until` it is left in peace. `probe_until` is held by the one worker
    that tries it again. `model_asked` and `model_answered` are the pinned model and the version that answered for it.
    The columns of probes are of the last minimal call that was made because nobody else had called.
    """

    deployment = TenantForeignKey("workflows.Deployment", related_name="standings")
    failures = models.PositiveIntegerField(default=0)
    failure_kind = models.CharField(max_length=32, blank=True)
    must_wait = models.BooleanField(default=False)  # the provider said how long
    open_until = models.DateTimeField(null=True)
    probe_until = models.DateTimeField(null=True)
    model_asked = models.CharField(max_length=200, blank=True)
    model_answered = models.CharField(max_length=200, blank=True)
    probed_at = models.DateTimeField(null=True)
    probe_error = models.CharField(max_length=32, blank=True)
    probe_seconds = models.FloatField(null=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "deployment"), name="standing_of_one_deployment"
            ),
        )

    def __str__(self) -> str:
        return f"standing of {self.deployment_id}"


class ClassPlacement(TenantOwned):
    """The regions and providers that values of a data class may go to; an empty list leaves that open.

    A class without a row goes by the nearest one below it that has one.
    """

    data_class = models.PositiveSmallIntegerField(choices=[(int(c), c.word) for c in DataClass])
    regions: "models.JSONField[Any, list[str]]" = models.JSONField(default=list)
    providers: "models.JSONField[Any, list[str]]" = models.JSONField(default=list)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        ordering = ("data_class",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "data_class"), name="placement_of_one_class"),
            models.CheckConstraint(
                condition=models.Q(data_class__lte=int(max(DataClass))),
                name="placement_class_is_known",
            ),
        )

    def __str__(self) -> str:
        return f"where {DataClass(self.data_class).word} data may go"
