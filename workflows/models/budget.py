"""Budgets of a tenant: how much money or how many tokens calls may use in a day, a month, or ever, and of what.

Counters and settlements are kept by the functions of workflows/migrations/budgets.sql; nothing else writes them.
"""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tenancy.models import OwnedThroughParent, TenantForeignKey, TenantManager, TenantOwned


class BudgetScope(models.TextChoices):
    """Whose calls a budget counts."""

    TENANT = "tenant", "All calls"
    WORKFLOW = "workflow", "A workflow"
    PROVIDER = "provider", "A provider"
    SECRET = "secret", "A secret"
    MODEL_GROUP = "model_group", "A model group"


class BudgetUnit(models.TextChoices):
    """Money is counted in micro-units of the budget's currency."""

    MONEY = "money", "Money"
    TOKENS = "tokens", "Tokens"


class BudgetPeriod(models.TextChoices):
    """From midnight, or from the first of the month, UTC; or for ever."""

    DAY = "day", "Day"
    MONTH = "month", "Month"
    TOTAL = "total", "In all"


ALL_CALLS = Q(workflow=None, provider=None, secret_name="", model_group=None)
WHOLE_SCOPES = (
    Q(ALL_CALLS, scope=BudgetScope.TENANT)
    | Q(
        scope=BudgetScope.WORKFLOW,
        workflow__isnull=False,
        provider=None,
        secret_name="",
        model_group=None,
    )
    | Q(
        scope=BudgetScope.PROVIDER,
        workflow=None,
        provider__isnull=False,
        secret_name="",
        model_group=None,
    )
    | (
        Q(scope=BudgetScope.SECRET, workflow=None, provider=None, model_group=None)
        & ~Q(secret_name="")
    )
    | Q(
        scope=BudgetScope.MODEL_GROUP,
        workflow=None,
        provider=None,
        secret_name="",
        model_group__isnull=False,
    )
)


class BudgetQuerySet(models.QuerySet["Budget"]):
    """Budgets with what they count, in one query."""

    def with_scopes(self) -> "BudgetQuerySet":
        return self.select_related("workflow", "provider", "model_group")

    def enabled(self) -> "BudgetQuerySet":
        return self.filter(enabled=True)


class Budget(TenantOwned):
    """So much money, or so many tokens, in a period. With a hard stop, what would pass it does not leave."""

    name = models.SlugField(max_length=64)
    scope = models.CharField(max_length=16, choices=BudgetScope.choices, default=BudgetScope.TENANT)
    workflow = TenantForeignKey("workflows.Workflow", null=True, related_name="+")
    provider = TenantForeignKey("workflows.Provider", null=True, related_name="+")
    model_group = TenantForeignKey("workflows.ModelGroup", null=True, related_name="+")
    secret_name = models.CharField(max_length=100, blank=True)
    unit = models.CharField(max_length=8, choices=BudgetUnit.choices, default=BudgetUnit.MONEY)
    amount = models.BigIntegerField(validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, blank=True)
    period = models.CharField(
        max_length=8, choices=BudgetPeriod.choices, default=BudgetPeriod.MONTH
    )
    hard_stop = models.BooleanField(default=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TenantManager.from_queryset(BudgetQuerySet)()  # type: ignore[misc]  # the plugin takes the base's for a ClassVar

    class Meta(TenantOwned.Meta):
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "name"), name="budget_name_is_unique"),
            models.CheckConstraint(condition=WHOLE_SCOPES, name="budget_scope_is_whole"),
            models.CheckConstraint(
                condition=Q(unit=BudgetUnit.MONEY, currency__regex="^[A-Z]{3}$")
                | Q(unit=BudgetUnit.TOKENS, currency=""),
                name="budget_unit_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(period__in=BudgetPeriod.values), name="budget_period_is_known"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="budget_is_not_negative"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def counted_name(self) -> str:
        """The name of what it counts the calls of; empty for all of them."""
        if self.workflow is not None:
            return str(self.workflow.slug)
        named = self.provider or self.model_group
        return str(named.name) if named is not None else self.secret_name


class BudgetCounter(TenantOwned):
    """What is used of a budget since its period began. `reserved` is held by calls under way, of whichever period.

    `refused` counts the calls that did not leave, `alerted` is the highest threshold that was told, in percent.
    """

    budget = TenantForeignKey("workflows.Budget", related_name="counters")
    since = models.DateTimeField()
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    alerted = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "budget"), name="counter_of_one_budget"),
        )

    def __str__(self) -> str:
        return f"{self.used} since {self.since}"


class BudgetSettlement(OwnedThroughParent):
    """What became of one reservation, until it is folded into the counter. Written without waiting for anybody."""

    budget = TenantForeignKey("workflows.Budget", related_name="settlements")
    released = models.BigIntegerField()
    spent = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta(OwnedThroughParent.Meta):
        indexes = (
            models.Index(  # seldom any: the only ones that a reservation must know of
                fields=["tenant", "budget"],
                name="settlement_overspent",
                condition=models.Q(spent__gt=models.F("released")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.spent} of {self.released}"
