"""What the governed door wrote down: decisions, calls, and what a run has touched so far."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from runs.models.leaving import LeavingCall
from runs.models.states import CallStatus
from tenancy.models import OwnedThroughParent, TenantForeignKey, TenantOwned


class Decision(OwnedThroughParent):
    """One answer of the policy, recorded before the action it is about. It can be replayed from here."""

    run = TenantForeignKey("runs.Run", related_name="decisions", db_index=False)
    node_id = models.CharField(max_length=200)
    attempt = models.SmallIntegerField()
    action_kind = models.CharField(max_length=32)
    resource_kind = models.CharField(max_length=32)
    resource_id = models.CharField(max_length=200)
    resource_name = models.CharField(max_length=200, blank=True)
    verdict = models.CharField(max_length=24)
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    policies = models.JSONField(default=list)
    obligations = models.JSONField(default=list)
    action = models.JSONField()
    action_digest = models.CharField(max_length=64)
    facts = models.JSONField()
    snapshot = TenantForeignKey("compliance.PolicySnapshot", related_name="+", db_index=False)
    engine_us = models.IntegerField()
    at = models.DateTimeField()

    class Meta(OwnedThroughParent.Meta):
        ordering = ("id",)
        indexes = (
            models.Index(fields=["tenant", "run", "id"], name="decision_by_run"),
            models.Index(
                fields=["tenant", "id"], name="decision_denied", condition=models.Q(verdict="deny")
            ),
            models.Index(  # the runs that were denied something, newest first: few among many
                fields=["tenant", "-run"],
                name="decision_denied_runs",
                condition=models.Q(verdict="deny"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.verdict} {self.action_kind} {self.resource_name}"


class ModelCall(LeavingCall):
    """A call to a deployment: written as an intent before it leaves, settled with the wave's commit."""

    run = TenantForeignKey("runs.Run", related_name="model_calls", db_index=False)
    decision = TenantForeignKey("runs.Decision", related_name="model_calls", db_index=False)
    deployment = TenantForeignKey("workflows.Deployment", related_name="+", db_index=False)
    node_id = models.CharField(max_length=200)
    attempt = models.SmallIntegerField()
    model_group = models.CharField(max_length=100)
    status = models.CharField(
        max_length=16, choices=CallStatus.choices, default=CallStatus.INTENDED
    )
    provider = models.CharField(max_length=64, blank=True)
    secret_name = models.CharField(max_length=100, blank=True)
    model_requested = models.CharField(max_length=200)
    model_answered = models.CharField(max_length=200, blank=True)
    request_sealed = models.BinaryField(null=True)
    response_sealed = models.BinaryField(null=True)
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    reserved_micros = models.BigIntegerField(default=0)
    reserved_tokens = models.BigIntegerField(default=0)
    budgets = ArrayField(models.UUIDField(), default=list)  # in which both were reserved
    cost_micros = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="EUR")
    error_kind = models.CharField(max_length=32, blank=True)
    error_sentence = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta(LeavingCall.Meta):
        ordering = ("id",)
        indexes = (
            models.Index(fields=["tenant", "run", "id"], name="call_by_run"),
            models.Index(fields=["tenant", "deployment", "started_at"], name="call_by_deployment"),
        )

    def __str__(self) -> str:
        return f"{self.model_requested} for {self.node_id}"


class RunFacts(TenantOwned):
    """What a run and its children have touched so far.

    `stamp` changes with the rest: whoever knows it knows all of this row (see runs/intents.py).
    """

    root_run = TenantForeignKey("runs.Run", related_name="facts", db_index=False)
    max_class = models.SmallIntegerField(default=0)
    tags = models.JSONField(default=list)
    tools_used = models.JSONField(default=list)
    destinations = models.JSONField(default=list)
    calls = models.IntegerField(default=0)
    model_calls = models.IntegerField(default=0)
    in_flight = models.IntegerField(default=0)
    spent_micros = models.BigIntegerField(default=0)
    reserved_micros = models.BigIntegerField(default=0)
    budget_micros = models.BigIntegerField(null=True)
    stamp = models.BigIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=["tenant", "root_run"], name="facts_of_a_root_run"),
        )

    def __str__(self) -> str:
        return f"facts of {self.root_run_id}"
