"""A run: one input through one fixed graph to one output."""

from django.db import models
from django.urls import reverse

from runs.models.states import TERMINAL, RunPurpose, RunStatus
from tenancy.models import TenantForeignKey, TenantOwned


class Run(TenantOwned):
    """What is content is sealed with the run's own data key; what stays after disposal is in clear."""

    workflow = TenantForeignKey("workflows.Workflow", related_name="runs", db_index=False)
    version = TenantForeignKey("workflows.WorkflowVersion", related_name="runs", db_index=False)
    snapshot = TenantForeignKey("compliance.PolicySnapshot", related_name="+", db_index=False)
    status = models.CharField(max_length=40, choices=RunStatus.choices, default=RunStatus.QUEUED)

    root_run = TenantForeignKey("self", null=True, related_name="tree", db_index=False)
    parent_run = TenantForeignKey("self", null=True, related_name="children", db_index=False)
    parent_node = models.CharField(max_length=200, blank=True)
    parent_attempt = models.SmallIntegerField(default=0)
    forked_from = TenantForeignKey("self", null=True, related_name="forks", db_index=False)
    forked_at = models.CharField(max_length=200, blank=True)  # the first node that runs anew
    purpose = models.CharField(
        max_length=16, choices=RunPurpose.choices, default=RunPurpose.WORK, blank=True
    )

    owner_label = models.CharField(max_length=200, blank=True)
    subject_key = models.CharField(max_length=64, blank=True)  # keyed digest, never the identifier
    data_key_id = models.UUIDField()
    data_class = models.SmallIntegerField()
    labels = models.JSONField()

    manifest = models.JSONField()
    manifest_digest = models.CharField(max_length=64)
    definition_digest = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none given"
    started_by_kind = models.CharField(max_length=16)
    started_by_id = models.CharField(max_length=64)

    input_sealed = models.BinaryField(null=True)
    input_commitment = models.CharField(max_length=64, blank=True)
    output_sealed = models.BinaryField(null=True)
    output_commitment = models.CharField(max_length=64, blank=True)

    response_sealed = models.BinaryField(null=True)  # the early one, of a node that responds here
    response_node = models.CharField(max_length=200, blank=True)
    response_at = models.DateTimeField(null=True)

    error_code = models.CharField(max_length=64, blank=True)
    error_sentence = models.TextField(blank=True)
    error_node = models.CharField(max_length=200, blank=True)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    disposed_at = models.DateTimeField(null=True)

    nodes_total = models.IntegerField()
    nodes_done = models.IntegerField(default=0)
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="EUR")
    event_seq = models.IntegerField(default=0)
    takeovers = models.SmallIntegerField(default=0)
    was_denied = (
        models.BooleanField(  # a policy denied it something; PostgreSQL notes it with the decision
            default=False, db_default=False, editable=False
        )
    )

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"],
                name="run_idempotency_key_is_unique",
                condition=models.Q(idempotency_key__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["tenant", "parent_run", "parent_node", "parent_attempt"],
                name="one_child_an_attempt",
                condition=models.Q(parent_run__isnull=False),
            ),
            models.CheckConstraint(
                name="run_status_is_known", condition=models.Q(status__in=RunStatus.values)
            ),
            models.CheckConstraint(
                name="run_tombstone_has_no_content",
                condition=~models.Q(status=RunStatus.DISPOSED)
                | models.Q(
                    input_sealed__isnull=True,
                    output_sealed__isnull=True,
                    response_sealed__isnull=True,
                ),
            ),
        )
        # Each change of status writes to all of these: the list of newest runs reads the unique key (tenant, id).
        indexes = (
            # What is included lets runs of a filter be counted by state from the index alone.
            models.Index(
                fields=["tenant", "status", "-id"],
                name="run_by_status",
                include=["workflow", "parent_run"],
            ),
            models.Index(
                fields=["tenant", "workflow", "-id"],
                name="run_by_workflow",
                include=["parent_run"],
            ),
            models.Index(
                fields=["tenant", "owner_label", "-id"],
                name="run_by_owner",
                include=["status", "parent_run"],
            ),
            # Who asks for what is seldom must not read all runs to find none: a version, a person, a class, an error.
            models.Index(
                fields=["tenant", "version", "-id"],
                name="run_by_version",
                include=["status", "parent_run"],
            ),
            models.Index(
                fields=["tenant", "started_by_id", "-id"],
                name="run_by_starter",
                include=["status", "parent_run"],
            ),
            models.Index(
                fields=["tenant", "data_class", "-id"],
                name="run_by_class",
                include=["status", "parent_run"],
            ),
            models.Index(
                fields=["tenant", "error_code", "-id"],
                name="run_by_error",
                condition=~models.Q(error_code=""),
                include=["error_node", "status", "parent_run"],
            ),
            models.Index(
                fields=["tenant", "error_node", "-id"],
                name="run_by_failed_node",
                condition=~models.Q(error_node=""),
                include=["status", "parent_run"],
            ),
            models.Index(fields=["tenant", "manifest_digest"], name="run_by_manifest"),
            models.Index(
                fields=["tenant", "parent_run", "id"],
                name="run_children",
                condition=models.Q(parent_run__isnull=False),
            ),
            models.Index(  # lists leave out child runs, of which one run may have thousands
                fields=["tenant", "-id"],
                name="run_without_parent",
                condition=models.Q(parent_run__isnull=True),
                include=["status"],
            ),
            models.Index(
                fields=["tenant", "-id"],
                name="run_by_denial",
                condition=models.Q(was_denied=True),
                include=["status", "parent_run"],
            ),
            models.Index(
                fields=["tenant", "subject_key"],
                name="run_by_subject",
                condition=~models.Q(subject_key=""),
            ),
            models.Index(
                fields=["tenant", "root_run"],
                name="run_tree",
                condition=models.Q(root_run__isnull=False),
            ),
            models.Index(
                fields=["tenant"],
                name="run_under_way",
                condition=models.Q(
                    status__in=[RunStatus.QUEUED, RunStatus.RUNNING], parent_run__isnull=True
                ),
            ),
            models.Index(
                fields=["tenant", "version"],
                name="run_on_staging",
                condition=models.Q(purpose="staging"),
            ),
            models.Index(
                fields=["tenant", "forked_from"],
                name="run_forks",
                condition=models.Q(forked_from__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"run {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("runs:run", args=[self.pk])

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_disposed(self) -> bool:
        return self.status == RunStatus.DISPOSED
