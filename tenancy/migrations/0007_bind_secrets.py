"""Secrets know where they are kept, what may use them, and when they expire.

The new columns have defaults that PostgreSQL keeps in its catalogue: no table is rewritten, and each lock lasts for a moment.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


def names():
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=100), blank=True, default=list, size=None
    )


class Migration(migrations.Migration):
    dependencies = (("tenancy", "0006_keep_quotas"),)
    operations = (
        migrations.AddField("secret", "in_use", models.PositiveIntegerField(null=True)),
        migrations.AddField("secret", "expires_on", models.DateField(null=True)),
        migrations.AddField("secret", "bound_workflows", names()),
        migrations.AddField("secret", "bound_providers", names()),
        migrations.AddField("secret", "bound_destinations", names()),
        migrations.AddField("secret", "bound_classes", names()),
        migrations.AddField(
            "secretversion",
            "backend",
            models.CharField(
                choices=[
                    ("local", "Here, sealed with the tenant's key"),
                    ("vault", "HashiCorp Vault (KV version 2)"),
                ],
                default="local",
                max_length=16,
            ),
        ),
        migrations.AddField("secretversion", "outside_path", models.CharField(blank=True, default="", max_length=400), preserve_default=False),
        migrations.AddField("secretversion", "outside_version", models.PositiveIntegerField(null=True)),
        migrations.AddField("secretversion", "emptied_at", models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="SecretBackend",
            fields=[
                ("id", models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("local", "Here, sealed with the tenant's key"), ("vault", "HashiCorp Vault (KV version 2)")], max_length=16)),
                ("address", models.CharField(blank=True, max_length=300)),
                ("namespace", models.CharField(blank=True, max_length=200)),
                ("mount", models.CharField(blank=True, max_length=100)),
                ("prefix", models.CharField(blank=True, max_length=200)),
                ("auth", models.CharField(choices=[("token", "Token"), ("approle", "AppRole")], default="token", max_length=16)),
                ("role_id", models.CharField(blank=True, max_length=200)),
                ("credential_sealed", models.BinaryField(null=True)),
                ("ca_pem", models.TextField(blank=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                ("tenant", models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenancy.tenant")),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint("secretbackend", models.UniqueConstraint(fields=("tenant",), name="secret_backend_is_single")),
        migrations.AddConstraint(
            "secretbackend",
            models.CheckConstraint(condition=models.Q(("kind__in", ["local", "vault"])), name="secret_backend_is_known"),
        ),
        EnableRLS("secretbackend"),
    )
