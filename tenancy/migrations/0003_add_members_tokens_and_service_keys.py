"""Memberships, API tokens, service keys and remembered requests."""

import django.db.models.deletion
import tenancy.models.owned
from django.conf import settings
from django.db import migrations, models

from tenancy.rls import EnableRLS, grants


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0002_grant_people_and_tenants"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceKey",
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
                ("name", models.CharField(max_length=100, unique=True)),
                ("public_key", models.BinaryField(unique=True)),
                ("scopes", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Membership",
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
                    "role",
                    models.CharField(
                        choices=[
                            ("author", "Author"),
                            ("reviewer", "Reviewer"),
                            ("operator", "Operator"),
                            ("compliance_officer", "Compliance officer"),
                            ("data_protection_officer", "Data-protection officer"),
                            ("auditor", "Auditor"),
                            ("admin", "Admin"),
                        ],
                        max_length=32,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("joined_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
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
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
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
                ("name", models.CharField(max_length=100)),
                ("prefix", models.CharField(max_length=16)),
                ("secret_digest", models.BinaryField()),
                ("scopes", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
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
                (
                    "membership",
                    tenancy.models.owned.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tokens",
                        to="tenancy.membership",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ServiceNonce",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("nonce", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "service_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.servicekey",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
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
                ("caller", models.CharField(max_length=80)),
                ("route", models.CharField(max_length=200)),
                ("key", models.CharField(max_length=255)),
                ("request_digest", models.BinaryField()),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("location", models.CharField(blank=True, max_length=500)),
                ("body_sealed", models.BinaryField(blank=True, null=True)),
                ("data_key_id", models.UUIDField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
                "indexes": [
                    models.Index(fields=["tenant", "created_at"], name="idempotency_key_by_age")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["tenant", "caller", "route", "key"],
                        name="idempotency_key_is_used_once",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                fields=["tenant", "user"],
                condition=models.Q(("ended_at", None)),
                name="membership_is_single",
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "role__in",
                        [
                            "author",
                            "reviewer",
                            "operator",
                            "compliance_officer",
                            "data_protection_officer",
                            "auditor",
                            "admin",
                        ],
                    )
                ),
                name="membership_role_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("role", "auditor"), _negated=True),
                    ("expires_at__isnull", False),
                    _connector="OR",
                ),
                name="membership_of_auditor_expires",
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.UniqueConstraint(
                fields=["tenant", "prefix"], name="api_token_prefix_is_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="servicenonce",
            constraint=models.UniqueConstraint(
                fields=["service_key", "nonce"], name="service_nonce_is_used_once"
            ),
        ),
        EnableRLS("membership", refuse=("DELETE", "TRUNCATE")),
        EnableRLS("apitoken", parents=("membership",), refuse=("DELETE", "TRUNCATE")),
        EnableRLS("idempotencykey"),
        *(
            migrations.RunSQL(statement, reverse_sql=migrations.RunSQL.noop)
            for table in ("tenancy_servicekey", "tenancy_servicenonce")
            for statement in grants(table)
        ),
    ]
