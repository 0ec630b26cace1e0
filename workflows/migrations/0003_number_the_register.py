"""The register counts its changes: who keeps it in memory sees by one number whether it still holds."""

import django.db.models.deletion
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS

COUNTED = ("provider", "deployment", "price", "modelgroup", "modelgroupmember")
BUMP = """
CREATE FUNCTION grove_bump_register() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO workflows_registerepoch (id, tenant_id, number)
        VALUES (gen_random_uuid(), coalesce(NEW.tenant_id, OLD.tenant_id), 1)
        ON CONFLICT (tenant_id) DO UPDATE SET number = workflows_registerepoch.number + 1;
    RETURN NULL;
END $$;
"""
COUNT = """
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON workflows_{table}
    FOR EACH ROW EXECUTE FUNCTION grove_bump_register();
"""


class Migration(migrations.Migration):
    dependencies = (("workflows", "0002_destinations_and_storage"),)

    operations = [
        migrations.CreateModel(
            name="RegisterEpoch",
            fields=[
                ("id", models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                ("tenant", models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenancy.tenant")),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="register_epoch_is_single")],
            },
        ),
        EnableRLS("registerepoch"),
        migrations.RunSQL(BUMP, reverse_sql="DROP FUNCTION grove_bump_register() CASCADE;"),
        *(migrations.RunSQL(COUNT.format(table=table), reverse_sql=f"DROP TRIGGER count_change ON workflows_{table};") for table in COUNTED),
    ]
