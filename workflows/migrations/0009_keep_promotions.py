"""Which version stands in which environment. A new table: locks nothing."""

import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('tenancy', '0007_bind_secrets'),
        ('workflows', '0008_keep_governance'),
    ]

    operations = [
        migrations.CreateModel(
            name='Promotion',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('environment', models.CharField(choices=[('staging', 'Staging'), ('prod', 'Production')], max_length=8)),
                ('number', models.PositiveIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('version', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='workflows.workflowversion')),
                ('workflow', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='workflows.workflow')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'workflow', 'number'), name='promotion_number_is_unique'), models.CheckConstraint(condition=models.Q(('environment__in', ['staging', 'prod'])), name='promotion_environment_is_known')],
            },
        ),
        EnableRLS("promotion", parents=("workflow", "version"), append_only=True),
    ]
