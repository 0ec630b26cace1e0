"""Alerts: what somebody should look at."""

import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0001_write_down_policies_and_disposals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenancy.models.owned.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("budget_threshold", "Budget"),
                            ("model_drift", "Other model than pinned"),
                            ("secret_expiry", "Secret expires"),
                            ("papers_expiry", "Papers expire"),
                            ("deployment_ill", "Deployment is ill"),
                            ("node_hangs", "Node hangs"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[
                            ("notice", "Notice"),
                            ("warning", "Warning"),
                            ("critical", "Critical"),
                        ],
                        max_length=16,
                    ),
                ),
                ("subject_kind", models.CharField(max_length=40)),
                ("subject_id", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=200)),
                ("sentence", models.CharField(max_length=500)),
                ("key", models.CharField(max_length=200)),
                (
                    "raised_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("actor_kind", models.CharField(blank=True, max_length=16)),
                ("actor_id", models.CharField(blank=True, max_length=64)),
                ("actor_name", models.CharField(blank=True, max_length=200)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_default=tenancy.models.owned.CurrentTenant(),
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("acknowledged_at", None)),
                        fields=["tenant", "-id"],
                        name="alert_waiting",
                    ),
                    models.Index(fields=["tenant", "kind", "-id"], name="alert_by_kind"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("acknowledged_at", None)),
                        fields=("tenant", "key"),
                        name="alert_is_raised_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "budget_threshold",
                                    "model_drift",
                                    "secret_expiry",
                                    "papers_expiry",
                                    "deployment_ill",
                                    "node_hangs",
                                ],
                            )
                        ),
                        name="alert_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", ["notice", "warning", "critical"])),
                        name="alert_severity_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("acknowledged_at", None), ("actor_id", ""), ("reason", "")),
                            models.Q(
                                ("acknowledged_at__isnull", False),
                                models.Q(("reason", ""), _negated=True),
                                models.Q(("actor_id", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="alert_is_acknowledged_with_a_reason",
                    ),
                ],
            },
        ),
        EnableRLS("alert", refuse=("DELETE", "TRUNCATE")),
    ]
