"""Keys, in their own database."""

import django.db.models.deletion
import tenancy.models.owned
from django.db import migrations, models
from django.db.models import Q

from tenancy.rls import EnableRLS

KEPT = ("DELETE", "TRUNCATE")
TABLES = ("tenancy_tenantkey", "tenancy_ownerkey", "tenancy_datakey")

STAY_DESTROYED = """
CREATE FUNCTION grove_stay_destroyed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a destroyed key stays destroyed' USING ERRCODE = 'insufficient_privilege';
END $$
"""
# Overwritten versions of a row are cleared away soon: what was destroyed is not to lie about on disk.
VACUUM_SOON = "SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0)"


def wrapped_key(*extra):
    return [
        ("id", models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
        ("tenant_id", models.UUIDField(db_default=tenancy.models.owned.CurrentTenant(), editable=False)),
        ("wrapped", models.BinaryField()),
        ("created_at", models.DateTimeField(auto_now_add=True)),
        ("destroyed_at", models.DateTimeField(null=True)),
        *extra,
    ]


def on_keys(statement):
    return migrations.RunSQL(
        statement, reverse_sql=migrations.RunSQL.noop, hints={"database": "keys"}
    )


OPTIONS = {"abstract": False, "base_manager_name": "objects"}
EMPTY = Q(("destroyed_at__isnull", True), ("wrapped", b""), _connector="XOR")


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0003_add_members_tokens_and_service_keys")]

    operations = [
        migrations.CreateModel(
            name="TenantKey",
            fields=wrapped_key(
                ("root_key_id", models.UUIDField()),
                ("rewrapped_at", models.DateTimeField(null=True)),
            ),
            options=OPTIONS,
        ),
        migrations.CreateModel(
            name="OwnerKey",
            fields=wrapped_key(
                ("label_digest", models.BinaryField()),
                ("tenant_key", tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="owner_keys", to="tenancy.tenantkey")),
            ),
            options=OPTIONS,
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=wrapped_key(
                ("owner_key", tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="data_keys", to="tenancy.ownerkey")),
            ),
            options=OPTIONS,
        ),
        migrations.AddConstraint(
            model_name="tenantkey",
            constraint=models.UniqueConstraint(fields=["tenant_id"], name="tenant_key_is_single"),
        ),
        migrations.AddConstraint(
            model_name="tenantkey",
            constraint=models.CheckConstraint(condition=EMPTY, name="tenant_key_destroyed_is_empty"),
        ),
        migrations.AddConstraint(
            model_name="ownerkey",
            constraint=models.UniqueConstraint(
                condition=Q(("destroyed_at__isnull", True)),
                fields=["tenant_id", "label_digest"],
                name="owner_key_is_single",
            ),
        ),
        migrations.AddConstraint(
            model_name="ownerkey",
            constraint=models.CheckConstraint(condition=EMPTY, name="owner_key_destroyed_is_empty"),
        ),
        migrations.AddConstraint(
            model_name="datakey",
            constraint=models.CheckConstraint(condition=EMPTY, name="data_key_destroyed_is_empty"),
        ),
        EnableRLS("tenantkey", refuse=KEPT),
        EnableRLS("ownerkey", parents=("tenant_key",), refuse=KEPT),
        EnableRLS("datakey", parents=("owner_key",), refuse=KEPT),
        on_keys(STAY_DESTROYED),
        *(
            on_keys(
                f'CREATE TRIGGER stay_destroyed BEFORE UPDATE ON "{table}" FOR EACH ROW '
                "WHEN (OLD.destroyed_at IS NOT NULL) EXECUTE FUNCTION grove_stay_destroyed()"
            )
            for table in TABLES
        ),
        *(on_keys(f'ALTER TABLE "{table}" {VACUUM_SOON}') for table in TABLES),
    ]
