"""Saved test cases of workflows. A new table: locks nothing."""

import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('tenancy', '0007_bind_secrets'),
        ('workflows', '0009_keep_promotions'),
    ]

    operations = [
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('name', models.SlugField(max_length=64)),
                ('number', models.PositiveIntegerField()),
                ('is_withdrawn', models.BooleanField(default=False)),
                ('content_sealed', models.BinaryField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('workflow', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='workflows.workflow')),
            ],
            options={
                'ordering': ('name', '-number'),
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'workflow', 'name', 'number'), name='case_number_is_unique')],
            },
        ),
        EnableRLS("case", parents=("workflow",), refuse=("UPDATE", "TRUNCATE")),
    ]
