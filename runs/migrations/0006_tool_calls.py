"""Tool calls: rows beside model calls, settled in the same statement, part of what a finished run commits to."""

from pathlib import Path

import django.db.models.deletion
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('runs', '0005_engine'),
        ('tenancy', '0005_keep_ledger_and_secrets'),
    ]

    operations = [
        migrations.CreateModel(
            name='ToolCall',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('node_id', models.CharField(max_length=200)),
                ('attempt', models.PositiveSmallIntegerField()),
                ('tool', models.CharField(max_length=64)),
                ('destination', models.CharField(max_length=64)),
                ('effect', models.CharField(max_length=8)),
                ('idempotent', models.BooleanField()),
                ('idempotency_key', models.CharField(max_length=64)),
                ('status', models.CharField(choices=[('intended', 'Intended'), ('completed', 'Completed'), ('failed', 'Failed'), ('interrupted', 'Interrupted'), ('late', 'Late')], default='intended', max_length=16)),
                ('request_sealed', models.BinaryField(null=True)),
                ('request_digest', models.CharField(max_length=64)),
                ('response_sealed', models.BinaryField(null=True)),
                ('result_digest', models.CharField(blank=True, max_length=64)),
                ('labels', models.JSONField(null=True)),
                ('error_kind', models.CharField(blank=True, max_length=32)),
                ('error_sentence', models.TextField(blank=True)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('decision', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tool_calls', to='runs.decision')),
                ('run', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tool_calls', to='runs.run')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('id',),
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'run', 'id'], name='tool_call_by_run'), models.Index(condition=models.Q(('status', 'intended')), fields=['tenant', 'run'], name='tool_call_under_way')],
            },
        ),
        EnableRLS("toolcall", parents=("run", "decision")),
        migrations.RunSQL(
            Path(__file__).with_name("tool_calls.sql").read_text(),
            reverse_sql="DROP FUNCTION grove_settle_tools(jsonb, bytea[], uuid[]);",
        ),
    ]
