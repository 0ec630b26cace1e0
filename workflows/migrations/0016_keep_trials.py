"""Calls outside runs (tests and probes) with what they cost, and rounds in which all deployments are tried.

New tables: locks nothing.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import tenancy.models.owned
from tenancy.rls import EnableRLS

ID = (
    "id",
    models.UUIDField(
        default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False
    ),
)


def tenant_key():
    return models.ForeignKey(
        db_default=tenancy.models.owned.CurrentTenant(),
        db_index=False,
        editable=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="tenancy.tenant",
    )


class Migration(migrations.Migration):
    dependencies = [("workflows", "0015_keep_evidence_of_votes")]

    operations = [
        migrations.CreateModel(
            name="TrialRound",
            fields=[
                ID,
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(max_length=64)),
                ("actor_name", models.CharField(blank=True, max_length=200)),
                ("begun_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                ("tenant", tenant_key()),
            ],
            options={
                "ordering": ("-id",),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("tenant",),
                        name="one_round_at_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrialCall",
            fields=[
                ID,
                (
                    "purpose",
                    models.CharField(choices=[("test", "Test"), ("probe", "Probe")], max_length=8),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("not_made", "Not Made"),
                            ("lost", "Lost"),
                        ],
                        max_length=8,
                    ),
                ),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("entry_id", models.UUIDField(null=True)),
                ("model_answered", models.CharField(blank=True, max_length=200)),
                ("tokens_in", models.BigIntegerField(default=0)),
                ("tokens_out", models.BigIntegerField(default=0)),
                ("reserved_micros", models.BigIntegerField(default=0)),
                ("reserved_tokens", models.BigIntegerField(default=0)),
                (
                    "budgets",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                ("cost_micros", models.BigIntegerField(default=0)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("error_kind", models.CharField(blank=True, max_length=32)),
                ("sentence", models.TextField(blank=True)),
                (
                    "deployment",
                    tenancy.models.owned.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="workflows.deployment",
                    ),
                ),
                (
                    "round",
                    tenancy.models.owned.TenantForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="calls",
                        to="workflows.trialround",
                    ),
                ),
                ("tenant", tenant_key()),
            ],
            options={
                "ordering": ("id",),
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["waiting", "running"])),
                        fields=["tenant", "id"],
                        name="trial_open",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "round", "deployment"), name="one_trial_a_round"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["waiting", "running", "passed", "failed", "not_made", "lost"],
                            )
                        ),
                        name="trial_status_is_known",
                    ),
                ],
            },
        ),
        EnableRLS("trialround"),
        EnableRLS("trialcall", parents=("round", "deployment")),
    ]
