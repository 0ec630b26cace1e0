"""The disposal log. All of it is insert-only and kept for ever: ids, counts, keyed digests.

A disposal without a confirmation has been begun and not finished; a sweep completes it.
"""

from datetime import datetime
from uuid import UUID

from django.db import models

from tenancy.models import TenantForeignKey, TenantManager, TenantOwned


class LegalBasis(models.TextChoices):
    """Why something may or must be erased."""

    NO_LONGER_NEEDED = "gdpr_17_1_a", "No longer needed for its purpose (GDPR Art. 17(1)(a))"
    CONSENT_WITHDRAWN = "gdpr_17_1_b", "Consent was withdrawn (GDPR Art. 17(1)(b))"
    OBJECTION = "gdpr_17_1_c", "The person objected (GDPR Art. 17(1)(c))"
    UNLAWFUL = "gdpr_17_1_d", "It was processed unlawfully (GDPR Art. 17(1)(d))"
    LEGAL_OBLIGATION = "gdpr_17_1_e", "The law demands erasure (GDPR Art. 17(1)(e))"
    CHILD = "gdpr_17_1_f", "It was collected from a child online (GDPR Art. 17(1)(f))"
    RETENTION_ENDED = "retention_ended", "Its retention period has ended"
    OTHER = "other", "Another ground, named in the reason"


class DisposalQuerySet(models.QuerySet["Disposal"]):
    """The log, asked by what was disposed of, whose it was, and when."""

    def unfinished(self) -> "DisposalQuerySet":
        return self.filter(confirmations__isnull=True)

    def matching(
        self,
        *,
        kind: str = "",
        record_id: UUID | None = None,
        owner_digest: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> "DisposalQuerySet":
        """Disposals that list a record of this kind, id and owner, begun from `since` to before
        `until`. What is not given is not asked."""
        found = self
        wanted = {"kind": kind, "record_id": record_id, "owner_digest": owner_digest}
        about_record = {name: value for name, value in wanted.items() if value}
        if about_record:
            records = DisposedRecord.objects.filter(**about_record)
            found = found.filter(pk__in=records.values("disposal_id"))
        if since:
            found = found.filter(started_at__gte=since)
        return found.filter(started_at__lt=until) if until else found


class DisposalPlan(TenantOwned):
    """The result of a dry run: exactly these records, and until when it may be executed.

    `lines` is a list of [kind, id]; `counts` are rows per kind; `digest` commits to both.
    """

    kind = models.CharField(max_length=40)
    target_id = models.UUIDField()
    lines = models.JSONField()
    counts = models.JSONField()
    digest = models.CharField(max_length=64)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        indexes = (models.Index(fields=["tenant", "kind", "target_id"], name="plan_by_target"),)

    def __str__(self) -> str:
        return f"Dry run of {self.kind} {self.target_id}"

    def is_expired(self, at: datetime) -> bool:
        return at >= self.expires_at


class Disposal(TenantOwned):
    """A disposal as it was decided: what, who, why. Written before anything is destroyed."""

    plan = TenantForeignKey(DisposalPlan, related_name="disposals")
    kind = models.CharField(max_length=40)
    target_id = models.UUIDField()
    counts = models.JSONField()
    plan_digest = models.CharField(max_length=64)
    key_ids = models.JSONField()
    legal_basis = models.CharField(max_length=32, choices=LegalBasis.choices)
    reason = models.CharField(max_length=500)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    started_at = models.DateTimeField()

    objects = TenantManager.from_queryset(DisposalQuerySet)()  # type: ignore[misc]  # the plugin takes the base's for a ClassVar

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "plan"), name="disposal_plan_is_used_once"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="disposal_has_a_reason"),
            models.CheckConstraint(
                condition=models.Q(legal_basis__in=LegalBasis.values),
                name="disposal_has_a_legal_basis",
            ),
        )
        indexes = (
            models.Index(fields=["tenant", "kind", "-id"], name="disposal_by_kind"),
            models.Index(fields=["tenant", "target_id"], name="disposal_by_target"),
            models.Index(fields=["tenant", "started_at"], name="disposal_by_date"),
        )

    def __str__(self) -> str:
        return f"Disposal of {self.kind} {self.target_id}"

    @property
    def is_finished(self) -> bool:
        return self.find_confirmation() is not None

    def find_confirmation(self) -> "DisposalConfirmation | None":
        return self.confirmations.first()


class DisposedRecord(TenantOwned):
    """One record of a disposal. Both digests are keyed (HMAC): without the key nobody can guess."""

    disposal = TenantForeignKey(Disposal, related_name="records")
    kind = models.CharField(max_length=40)
    record_id = models.UUIDField()
    digest = models.CharField(max_length=64)
    owner_digest = models.CharField(max_length=64, blank=True)

    class Meta(TenantOwned.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "disposal", "kind", "record_id"),
                name="disposed_record_is_listed_once",
            ),
        )
        indexes = (
            models.Index(fields=["tenant", "record_id"], name="disposed_by_record"),
            models.Index(fields=["tenant", "owner_digest"], name="disposed_by_owner"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.record_id}"


class DisposalConfirmation(TenantOwned):
    """The keys are destroyed and the rows are tombstones. A disposal without it is unfinished."""

    disposal = TenantForeignKey(Disposal, related_name="confirmations")
    keys_destroyed = models.PositiveIntegerField()
    rows_erased = models.PositiveIntegerField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    finished_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "disposal"), name="disposal_is_confirmed_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.disposal} finished"
