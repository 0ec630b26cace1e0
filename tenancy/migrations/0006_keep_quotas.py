"""What tenants may use, and what they have used."""

import django.db.models.deletion
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0005_keep_ledger_and_secrets"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="concurrent_runs",
            field=models.PositiveIntegerField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="Quota",
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
                ("number", models.PositiveIntegerField()),
                ("concurrent_runs", models.PositiveIntegerField(null=True)),
                (
                    "when_full",
                    models.CharField(
                        choices=[("refuse", "Refuse it"), ("queue", "Let it wait for a place")],
                        default="refuse",
                        max_length=8,
                    ),
                ),
                ("runs_per_hour", models.PositiveIntegerField(null=True)),
                ("money_micros", models.BigIntegerField(null=True)),
                ("money_currency", models.CharField(blank=True, max_length=3)),
                (
                    "money_period",
                    models.CharField(
                        blank=True, choices=[("day", "Day"), ("month", "Month")], max_length=8
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("author_kind", models.CharField(max_length=16)),
                ("author_id", models.CharField(max_length=64)),
                ("author_name", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField()),
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
                "ordering": ("-number",),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "number"), name="quota_number_is_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="quota_has_a_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("money_currency", ""),
                                ("money_micros__isnull", True),
                                ("money_period", ""),
                            ),
                            models.Q(
                                ("money_currency__regex", "^[A-Z]{3}$"),
                                ("money_micros__gte", 0),
                                ("money_period__in", ["day", "month"]),
                            ),
                            _connector="OR",
                        ),
                        name="quota_of_money_is_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="QuotaUse",
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
                ("unit", models.CharField(max_length=3)),
                ("hour", models.DateTimeField()),
                ("used", models.BigIntegerField()),
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
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "unit", "hour"), name="quota_use_is_one_row_an_hour"
                    )
                ],
            },
        ),
        EnableRLS("quota", append_only=True),
        EnableRLS("quotause", refuse=("DELETE", "TRUNCATE")),
        # Counters of the hour are updated with every start and call: room for them on their own page.
        migrations.RunSQL(
            "ALTER TABLE tenancy_quotause SET (fillfactor = 50)",
            reverse_sql="ALTER TABLE tenancy_quotause RESET (fillfactor)",
        ),
    ]
