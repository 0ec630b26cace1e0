"""What people sign of a workflow's document. A new table: locks nothing."""

import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):
    dependencies = [("workflows", "0013_confirm_texts")]

    operations = [
        migrations.CreateModel(
            name='Attestation',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('as_of', models.DateTimeField()),
                ('marker', models.CharField(max_length=100)),
                ('statement', models.CharField(max_length=2000)),
                ('expires_at', models.DateTimeField(null=True)),
                ('envelope', models.JSONField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('version', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attestations', to='workflows.workflowversion')),
                ('workflow', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attestations', to='workflows.workflow')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'workflow', 'number'), name='attestation_number_is_unique'), models.CheckConstraint(condition=models.Q(('expires_at', None), ('expires_at__gt', models.F('as_of')), _connector='OR'), name='attestation_expires_later')],
            },
        ),
        EnableRLS("attestation", append_only=True),
    ]
