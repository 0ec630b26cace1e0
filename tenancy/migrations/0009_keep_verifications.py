"""Verifications of the ledger, insert-only. A new table: locks nothing."""

import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0008_remember_how_pages_look")]

    operations = [
        migrations.CreateModel(
            name="LedgerVerification",
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
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("author_kind", models.CharField(editable=False, max_length=16)),
                ("author_id", models.CharField(editable=False, max_length=64)),
                ("author_name", models.CharField(blank=True, editable=False, max_length=200)),
                ("size", models.BigIntegerField()),
                ("checkpoints", models.BigIntegerField()),
                ("waiting", models.BigIntegerField()),
                ("anchors", models.PositiveIntegerField(default=0)),
                ("has_marks_checked", models.BooleanField()),
                ("is_sound", models.BooleanField()),
                ("fault_count", models.PositiveIntegerField(default=0)),
                ("first_fault", models.BigIntegerField(null=True)),
                ("sentence", models.CharField(blank=True, max_length=500)),
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
                    models.Index(fields=["tenant", "-id"], name="ledger_verification_newest")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("fault_count", 0), ("first_fault", None), ("is_sound", True)
                        )
                        | models.Q(
                            ("fault_count__gt", 0),
                            ("first_fault__isnull", False),
                            ("is_sound", False),
                        ),
                        name="ledger_verification_names_its_fault",
                    )
                ],
            },
        ),
        EnableRLS("ledgerverification", append_only=True),
    ]
