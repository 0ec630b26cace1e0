"""What a node asked somebody outside, and the one answer to it."""

from django.db import models

from tenancy.models import TenantForeignKey, TenantManager, TenantOwned


class WaitKind(models.TextChoices):
    CALLBACK = "callback"
    APPROVAL = "approval"


class WaitQuerySet(models.QuerySet["Wait"]):
    def unanswered(self) -> "WaitQuerySet":
        return self.filter(answered_at=None, withdrawn_at=None)

    def for_role(self, role: str) -> "WaitQuerySet":
        """Approvals that somebody with this role may give now."""
        return self.unanswered().filter(kind=WaitKind.APPROVAL, approver=role)


class Wait(TenantOwned):
    """A question that an attempt of a node asked: answered once, before it expires, or never.

    The question and the answer are content, sealed with the run's key. A callback's token is kept as a digest only.
    """

    run = TenantForeignKey("runs.Run", related_name="waits", db_index=False)
    node_id = models.CharField(max_length=200)
    attempt = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=16, choices=WaitKind.choices)
    approver = models.CharField(max_length=64, blank=True)  # the role that may decide
    action_digest = models.CharField(max_length=64, blank=True)  # of what a policy wants approved
    token_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is "none given"
    answer_schema = models.JSONField(null=True)
    question_sealed = models.BinaryField(null=True)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    answered_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)  # the run went on or ended without it
    verdict = models.CharField(max_length=16, blank=True)
    answer_sealed = models.BinaryField(null=True)
    answered_by_kind = models.CharField(max_length=16, blank=True)
    answered_by_id = models.CharField(max_length=64, blank=True)

    objects = TenantManager.from_queryset(WaitQuerySet)()  # type: ignore[misc]  # the plugin takes the base's for a ClassVar

    class Meta(TenantOwned.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "run", "node_id", "attempt", "action_digest", "approver"],
                name="one_question_an_attempt",
            ),
            models.UniqueConstraint(fields=["tenant", "token_digest"], name="wait_token_is_unique"),
        )
        indexes = (
            models.Index(
                fields=["tenant", "id"],
                name="wait_open",
                condition=models.Q(answered_at=None, withdrawn_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.node_id}"

    @property
    def is_open(self) -> bool:
        return self.answered_at is None and self.withdrawn_at is None
