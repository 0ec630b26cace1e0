"""What calls cost on one day, added up: so that a year of a tenant is read in a moment. Kept by runs/costs.py."""

from django.db import models

from tenancy.models import TenantForeignKey, TenantOwned


class CostDay(TenantOwned):
    """The settled calls of one day (UTC) that have all of these in common. `node` is without places in bodies."""

    day = models.DateField()
    workflow = TenantForeignKey("workflows.Workflow", related_name="+", db_index=False)
    node = models.CharField(max_length=200)
    deployment = TenantForeignKey("workflows.Deployment", related_name="+", db_index=False)
    model_group = models.CharField(max_length=100)
    secret_name = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3)
    calls = models.BigIntegerField()
    failed = models.BigIntegerField()
    tokens_in = models.BigIntegerField()
    tokens_out = models.BigIntegerField()
    cost_micros = models.BigIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "tenant",
                    "day",
                    "workflow",
                    "node",
                    "deployment",
                    "model_group",
                    "secret_name",
                    "currency",
                ),
                name="cost_day_is_one_row",
            ),
        )

    def __str__(self) -> str:
        return f"{self.cost_micros} on {self.day}"


class CostMark(TenantOwned):
    """Up to which day calls are added up: all before it are, it and those after it are read from the calls."""

    until = models.DateField()

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant",), name="cost_mark_is_single"),)

    def __str__(self) -> str:
        return str(self.until)
