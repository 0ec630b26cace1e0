"""How deployments stand: breakers that all workers share, what probes found, and where each data class may go.

New tables only: nothing waits. Counters and probes do not touch the register's number, what routes go by does.
"""

import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS

CLASSES = [(0, "public"), (1, "internal"), (2, "confidential"), (3, "restricted")]
COUNT_STANDING = """
CREATE TRIGGER count_change AFTER INSERT OR DELETE OR UPDATE OF failures, open_until, must_wait, model_asked, model_answered
    ON workflows_deploymentstanding FOR EACH ROW EXECUTE FUNCTION grove_bump_register();
"""
COUNT_PLACEMENT = """
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON workflows_classplacement
    FOR EACH ROW EXECUTE FUNCTION grove_bump_register();
"""


def tenant_key():
    return models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenancy.tenant")


class Migration(migrations.Migration):
    dependencies = (("workflows", "0004_know_provider_kinds"),)

    operations = [
        migrations.AlterField(
            model_name="registerentry",
            name="kind",
            field=models.CharField(choices=[("provider", "Provider"), ("deployment", "Deployment"), ("model_group", "Model Group"), ("destination", "Destination"), ("storage_profile", "Storage Profile"), ("class_placement", "Class Placement")], max_length=16),
        ),
        migrations.CreateModel(
            name="DeploymentStanding",
            fields=[
                ("id", models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failure_kind", models.CharField(blank=True, max_length=32)),
                ("must_wait", models.BooleanField(default=False)),
                ("open_until", models.DateTimeField(null=True)),
                ("probe_until", models.DateTimeField(null=True)),
                ("model_asked", models.CharField(blank=True, max_length=200)),
                ("model_answered", models.CharField(blank=True, max_length=200)),
                ("probed_at", models.DateTimeField(null=True)),
                ("probe_error", models.CharField(blank=True, max_length=32)),
                ("probe_seconds", models.FloatField(null=True)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deployment", tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="standings", to="workflows.deployment")),
                ("tenant", tenant_key()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant", "deployment"), name="standing_of_one_deployment")],
            },
        ),
        migrations.CreateModel(
            name="ClassPlacement",
            fields=[
                ("id", models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ("data_class", models.PositiveSmallIntegerField(choices=CLASSES)),
                ("regions", models.JSONField(default=list)),
                ("providers", models.JSONField(default=list)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("tenant", tenant_key()),
            ],
            options={
                "ordering": ("data_class",),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "data_class"), name="placement_of_one_class"),
                    models.CheckConstraint(condition=models.Q(("data_class__lte", 3)), name="placement_class_is_known"),
                ],
            },
        ),
        EnableRLS("deploymentstanding", parents=("deployment",)),
        EnableRLS("classplacement"),
        migrations.RunSQL(COUNT_STANDING, reverse_sql="DROP TRIGGER count_change ON workflows_deploymentstanding;"),
        migrations.RunSQL(COUNT_PLACEMENT, reverse_sql="DROP TRIGGER count_change ON workflows_classplacement;"),
    ]
