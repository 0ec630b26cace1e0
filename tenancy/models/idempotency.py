"""What was answered to a request with an Idempotency-Key, so that sending it again changes nothing."""

from django.db import models

from tenancy.models.owned import TenantOwned


class IdempotencyKey(TenantOwned):
    """One key of one caller for one route. `status` is empty while the first request is being worked on."""

    caller = models.CharField(max_length=80)
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    request_digest = models.BinaryField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    location = models.CharField(max_length=500, blank=True)
    body_sealed = models.BinaryField(null=True, blank=True)
    data_key_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "caller", "route", "key"),
                name="idempotency_key_is_used_once",
            ),
        )
        indexes = (models.Index(fields=("tenant", "created_at"), name="idempotency_key_by_age"),)

    def __str__(self) -> str:
        return self.key
