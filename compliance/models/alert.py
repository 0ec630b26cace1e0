"""Alerts: what somebody should look at. Each is open until a person acknowledges it, with a reason."""

from django.db import models
from django.utils import timezone

from tenancy.models import TenantManager, TenantOwned


class AlertKind(models.TextChoices):
    """What an alert is about."""

    BUDGET_THRESHOLD = "budget_threshold", "Budget"
    MODEL_DRIFT = "model_drift", "Other model than pinned"
    SECRET_EXPIRY = "secret_expiry", "Secret expires"
    PAPERS_EXPIRY = "papers_expiry", "Papers expire"
    DEPLOYMENT_ILL = "deployment_ill", "Deployment is ill"
    NODE_HANGS = "node_hangs", "Node hangs"


class Severity(models.TextChoices):
    """How soon somebody should look."""

    NOTICE = "notice", "Notice"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts that wait for somebody, and those that somebody has seen."""

    def waiting(self) -> "AlertQuerySet":
        return self.filter(acknowledged_at=None)

    def acknowledged(self) -> "AlertQuerySet":
        return self.filter(acknowledged_at__isnull=False)


class Alert(TenantOwned):
    """One sentence that somebody should read. While it waits, no other with its `key` is raised.

    `name` is how people call the subject; `subject_id` finds it. Neither may be personal data. `over_at` is when what
    it tells of ended by itself: somebody should look at it all the same.
    """

    kind = models.CharField(max_length=32, choices=AlertKind.choices)
    severity = models.CharField(max_length=16, choices=Severity.choices)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    sentence = models.CharField(max_length=500)
    key = models.CharField(max_length=200)
    raised_at = models.DateTimeField(default=timezone.now, editable=False)
    over_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    actor_kind = models.CharField(max_length=16, blank=True)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=200, blank=True)

    objects = TenantManager.from_queryset(AlertQuerySet)()  # type: ignore[misc]  # as in disposal.py

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "key"),
                condition=models.Q(acknowledged_at=None),
                name="alert_is_raised_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=AlertKind.values), name="alert_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(severity__in=Severity.values), name="alert_severity_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(acknowledged_at=None, reason="", actor_id="")
                | (
                    models.Q(acknowledged_at__isnull=False)
                    & ~models.Q(reason="")
                    & ~models.Q(actor_id="")
                ),
                name="alert_is_acknowledged_with_a_reason",
            ),
        )
        indexes = (
            models.Index(
                fields=["tenant", "-id"],
                name="alert_waiting",
                condition=models.Q(acknowledged_at=None),
            ),
            models.Index(fields=["tenant", "kind", "-id"], name="alert_by_kind"),
        )

    def __str__(self) -> str:
        return self.sentence

    @property
    def is_waiting(self) -> bool:
        return self.acknowledged_at is None

    @property
    def lasted_seconds(self) -> float | None:
        """From its beginning to its end; None while it goes on, or where nobody can tell."""
        return (self.over_at - self.raised_at).total_seconds() if self.over_at else None
