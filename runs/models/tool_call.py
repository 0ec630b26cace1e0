"""Tool calls: each written as an intent before it leaves, settled with the wave's commit."""

from typing import Any

from django.db import models

from runs.models.leaving import LeavingCall
from runs.models.states import CallStatus
from tenancy.models import TenantForeignKey

WRITES = "write"


class ToolCall(LeavingCall):
    """One call of a tool. Every attempt of the same call has the same idempotency key."""

    run = TenantForeignKey("runs.Run", related_name="tool_calls", db_index=False)
    decision = TenantForeignKey("runs.Decision", related_name="tool_calls", db_index=False)
    node_id = models.CharField(max_length=200)
    attempt = models.PositiveSmallIntegerField()
    tool = models.CharField(max_length=64)
    destination = models.CharField(max_length=64)  # the name of a destination or storage profile
    effect = models.CharField(max_length=8)
    idempotent = models.BooleanField()
    idempotency_key = models.CharField(max_length=64)
    status = models.CharField(
        max_length=16, choices=CallStatus.choices, default=CallStatus.INTENDED
    )
    request_sealed = models.BinaryField(null=True)
    request_digest = models.CharField(max_length=64)  # keyed with the run's data key
    response_sealed = models.BinaryField(null=True)
    result_digest = models.CharField(max_length=64, blank=True)
    labels: "models.JSONField[Any, dict[str, Any] | None]" = models.JSONField(null=True)
    error_kind = models.CharField(max_length=32, blank=True)
    error_sentence = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta(LeavingCall.Meta):
        ordering = ("id",)
        indexes = (
            models.Index(fields=["tenant", "run", "id"], name="tool_call_by_run"),
            models.Index(
                fields=["tenant", "run"],
                condition=models.Q(status=CallStatus.INTENDED),
                name="tool_call_under_way",
            ),
            models.Index(fields=["tenant", "started_at"], name="tool_call_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.tool} for {self.node_id}"

    @property
    def has_effect(self) -> bool:
        return self.effect == WRITES
