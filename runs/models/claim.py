"""Who works on which run. These two tables hold ids only and belong to no tenant, so that the sweep is one query."""

from django.db import models

from tenancy.models import new_id


class Worker(models.Model):
    """A worker process. It holds an advisory lock of this number for as long as it lives."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.IntegerField(unique=True)
    holds_lock = (
        models.BooleanField()
    )  # no lock behind a transaction pooler: then the heartbeat tells
    host = models.CharField(max_length=100)
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class RunClaim(models.Model):
    """One per run. The token grows with every claim: what an older token brings is not taken."""

    without_row_level_security = "Ids only: the sweep looks for lost workers over all tenants."

    run_id = models.UUIDField(primary_key=True)
    tenant_id = models.UUIDField()
    wanted = models.BooleanField(default=True)  # a worker should take this run up
    worker_id = models.UUIDField(null=True)
    token = models.IntegerField(default=0)
    losses = models.SmallIntegerField(default=0)  # workers lost since it last came forward
    heartbeat_at = models.DateTimeField(null=True)
    signalled = models.BooleanField(default=False)  # something that it waits for has come
    rests = models.BooleanField(
        default=False, db_default=False
    )  # it waits, and takes no place meanwhile
    not_before = models.DateTimeField(
        null=True
    )  # could not be taken up just now: not at once again

    class Meta:
        indexes = (
            models.Index(
                fields=["tenant_id", "run_id"],
                name="claim_waiting",
                condition=models.Q(wanted=True, worker_id=None),
            ),
            models.Index(
                fields=["worker_id", "tenant_id"],
                name="claim_held",
                condition=models.Q(worker_id__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"claim on {self.run_id}"
