"""Calls outside runs: tests of deployments that people asked for, and probes. What each took, and what came of it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from tenancy.models import TenantForeignKey, TenantOwned


class TrialPurpose(models.TextChoices):
    """Who asked for it: a person, or nobody."""

    TEST = "test"
    PROBE = "probe"


class TrialStatus(models.TextChoices):
    """Where such a call stands. One that is lost may have arrived: what was reserved for it counts."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    NOT_MADE = "not_made"
    LOST = "lost"


class TrialRound(TenantOwned):
    """Every deployment tried once. One round at a time."""

    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200, blank=True)
    begun_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(ended_at=None), name="one_round_at_a_time"
            ),
        )

    def __str__(self) -> str:
        return f"round of {self.begun_at:%Y-%m-%d %H:%M}"


class TrialCall(TenantOwned):
    """One minimal call. `reserved` and `cost` are micro-units of the currency, which is empty where no price is known.

    `entry_id` is the entry of the ledger that was written before it left; without one nothing left.
    """

    round = TenantForeignKey(TrialRound, null=True, related_name="calls")
    deployment = TenantForeignKey("workflows.Deployment", related_name="+")
    purpose = models.CharField(max_length=8, choices=TrialPurpose.choices)
    status = models.CharField(max_length=8, choices=TrialStatus.choices)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    entry_id = models.UUIDField(null=True)
    model_answered = models.CharField(max_length=200, blank=True)
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    reserved_micros = models.BigIntegerField(default=0)
    reserved_tokens = models.BigIntegerField(default=0)
    budgets = ArrayField(models.UUIDField(), default=list)  # in which both were reserved
    cost_micros = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    error_kind = models.CharField(max_length=32, blank=True)
    sentence = models.TextField(blank=True)

    class Meta(TenantOwned.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "round", "deployment"], name="one_trial_a_round"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=TrialStatus.values), name="trial_status_is_known"
            ),
        )
        indexes = (
            models.Index(
                fields=["tenant", "id"],
                name="trial_open",
                condition=models.Q(status__in=["waiting", "running"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.purpose} of {self.deployment_id}: {self.status}"

    @property
    def seconds(self) -> float | None:
        """How long it took; None of what was not made or goes on."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()
