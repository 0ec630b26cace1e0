"""What a tenant may use, and what it has used. The check before a start is runs/migrations/start.sql."""

from django.db import models
from django.db.models import Q

from tenancy.models.owned import TenantOwned

RUNS = "run"  # the unit of starts; all other units are currencies, counted in micro-units


class WhenFull(models.TextChoices):
    """What becomes of a start when as many runs are under way as may be."""

    REFUSE = "refuse", "Refuse it"
    QUEUE = "queue", "Let it wait for a place"


class MoneyPeriod(models.TextChoices):
    """From midnight, or from the first of the month, UTC."""

    DAY = "day", "Day"
    MONTH = "month", "Month"


class Quota(TenantOwned):
    """One revision of a tenant's limits, kept for ever; the highest number is in force. Null is no limit."""

    number = models.PositiveIntegerField()
    concurrent_runs = models.PositiveIntegerField(null=True)
    when_full = models.CharField(max_length=8, choices=WhenFull.choices, default=WhenFull.REFUSE)
    runs_per_hour = models.PositiveIntegerField(null=True)
    money_micros = models.BigIntegerField(null=True)
    money_currency = models.CharField(max_length=3, blank=True)
    money_period = models.CharField(max_length=8, choices=MoneyPeriod.choices, blank=True)
    reason = models.CharField(max_length=500)
    author_kind = models.CharField(max_length=16)
    author_id = models.CharField(max_length=64)
    author_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "number"), name="quota_number_is_unique"),
            models.CheckConstraint(condition=~Q(reason=""), name="quota_has_a_reason"),
            models.CheckConstraint(
                condition=Q(money_micros__isnull=True, money_currency="", money_period="")
                | Q(
                    money_micros__gte=0,
                    money_currency__regex="^[A-Z]{3}$",
                    money_period__in=MoneyPeriod.values,
                ),
                name="quota_of_money_is_whole",
            ),
        )

    def __str__(self) -> str:
        return f"quota {self.number}"


class QuotaUse(TenantOwned):
    """How much of a unit was used in one hour: starts of runs, or micro-units of a currency.

    Starts are added by the statement that starts a run, money by triggers on what runs
    reserve and spend, and on what calls outside runs (tests and probes) do.
    """

    unit = models.CharField(max_length=3)
    hour = models.DateTimeField()
    used = models.BigIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "unit", "hour"), name="quota_use_is_one_row_an_hour"
            ),
        )

    def __str__(self) -> str:
        return f"{self.used} {self.unit} from {self.hour}"
