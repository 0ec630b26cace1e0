"""What one node did in one attempt."""

from django.db import models

from runs.models.states import NodeStatus
from tenancy.models import OwnedThroughParent, TenantForeignKey


class NodeExecution(OwnedThroughParent):
    """One row per run, node and attempt; the highest attempt is the node's state."""

    run = TenantForeignKey("runs.Run", related_name="node_executions", db_index=False)
    node_id = models.CharField(max_length=200)  # the path of an instance: each_claim[3].draft
    kind = models.CharField(max_length=32)
    attempt = models.SmallIntegerField(default=1)
    status = models.CharField(max_length=16, choices=NodeStatus.choices)

    output_sealed = models.BinaryField(null=True)
    output_commitment = models.CharField(max_length=64, blank=True)
    labels = models.JSONField(null=True)
    branch = models.CharField(max_length=64, blank=True)
    skipped_because = models.JSONField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_sentence = models.TextField(blank=True)

    waits_for = models.JSONField(null=True)  # what a waiting node waits for: names, never content
    due_at = models.DateTimeField(null=True)  # when it goes on by itself

    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=64, blank=True)
    claim_token = models.IntegerField(default=0)
    model = models.CharField(max_length=200, blank=True)
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)

    class Meta(OwnedThroughParent.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "run", "node_id", "attempt"], name="node_attempt_is_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.node_id} ({self.attempt})"


class RunEvent(OwnedThroughParent):
    """What happened, numbered without a gap within its run. Never holds content."""

    run = TenantForeignKey("runs.Run", related_name="events", db_index=False)
    seq = models.IntegerField()
    name = models.CharField(max_length=40)
    node_id = models.CharField(max_length=200, blank=True)
    body = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta(OwnedThroughParent.Meta):
        ordering = ("seq",)
        constraints = (
            models.UniqueConstraint(fields=["tenant", "run", "seq"], name="event_seq_is_unique"),
        )

    def __str__(self) -> str:
        return f"{self.seq} {self.name}"
