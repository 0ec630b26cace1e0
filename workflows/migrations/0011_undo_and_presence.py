"""Where a draft stood before something was undone, and who has it open.

A new table, and a column with no default: workflows_workflow is locked for a moment, and read once for the guard of the
new key (it has a row for each workflow, not for each run).
"""

import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import AddTenantReferences, EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('tenancy', '0007_bind_secrets'),
        ('workflows', '0010_keep_cases'),
    ]

    operations = [
        migrations.AddField(
            model_name='workflow',
            name='tip',
            field=tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.definitionrevision'),
        ),
        AddTenantReferences("workflow", ["tip"]),
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('person_id', models.CharField(editable=False, max_length=64)),
                ('person_name', models.CharField(editable=False, max_length=200)),
                ('node', models.CharField(blank=True, max_length=64)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('workflow', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='presences', to='workflows.workflow')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'workflow', 'person_id'), name='presence_of_one_person')],
            },
        ),
        EnableRLS("presence", ["workflow"]),
    ]
