"""Which version stands where: every promotion is a row, and the newest of an environment counts."""

from django.db import models

from tenancy.models import TenantForeignKey
from workflows.models.authored import Authored


class Environment(models.TextChoices):
    """Drafts are tried in dev without leaving the house; staging and prod make real runs."""

    STAGING = "staging", "Staging"
    PROD = "prod", "Production"


class Promotion(Authored):
    """One version was put into one environment. `digest` is that of its definition: the same everywhere."""

    workflow = TenantForeignKey("workflows.Workflow", related_name="promotions")
    version = TenantForeignKey("workflows.WorkflowVersion", related_name="promotions")
    environment = models.CharField(max_length=8, choices=Environment.choices)
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=1000, blank=True)

    class Meta(Authored.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "workflow", "number"), name="promotion_number_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(environment__in=Environment.values),
                name="promotion_environment_is_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.environment} {self.number}"
