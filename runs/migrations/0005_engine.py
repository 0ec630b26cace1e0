"""What the engine needs beyond a plain run: nodes that wait, child runs, forks, early responses."""

from pathlib import Path

import django.db.models.deletion
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import AddTenantReferences, EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('compliance', '0001_write_down_policies_and_disposals'),
        ('runs', '0004_leave_room_for_updates'),
        ('tenancy', '0005_keep_ledger_and_secrets'),
        ('workflows', '0001_workflows_and_providers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Wait',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('node_id', models.CharField(max_length=200)),
                ('attempt', models.PositiveSmallIntegerField()),
                ('kind', models.CharField(choices=[('callback', 'Callback'), ('approval', 'Approval')], max_length=16)),
                ('approver', models.CharField(blank=True, max_length=64)),
                ('token_digest', models.CharField(max_length=64, null=True)),
                ('answer_schema', models.JSONField(null=True)),
                ('question_sealed', models.BinaryField(null=True)),
                ('asked_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('answered_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('verdict', models.CharField(blank=True, max_length=16)),
                ('answer_sealed', models.BinaryField(null=True)),
                ('answered_by_kind', models.CharField(blank=True, max_length=16)),
                ('answered_by_id', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'ordering': ('id',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.RemoveConstraint(
            model_name='run',
            name='run_tombstone_has_no_content',
        ),
        migrations.AddField(
            model_name='nodeexecution',
            name='due_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='nodeexecution',
            name='waits_for',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='forked_at',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='run',
            name='forked_from',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='forks', to='runs.run'),
        ),
        migrations.AddField(
            model_name='run',
            name='parent_attempt',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='run',
            name='purpose',
            field=models.CharField(blank=True, choices=[('', 'Work'), ('replay', 'Replay'), ('what_if', 'What If')], default='', max_length=16),
        ),
        migrations.AddField(
            model_name='run',
            name='response_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='response_node',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='run',
            name='response_sealed',
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name='runclaim',
            name='signalled',
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name='decision',
            name='node_id',
            field=models.CharField(max_length=200),
        ),
        migrations.AlterField(
            model_name='modelcall',
            name='node_id',
            field=models.CharField(max_length=200),
        ),
        migrations.AlterField(
            model_name='nodeexecution',
            name='node_id',
            field=models.CharField(max_length=200),
        ),
        migrations.AlterField(
            model_name='run',
            name='error_node',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name='run',
            name='parent_node',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name='runevent',
            name='node_id',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('forked_from__isnull', False)), fields=['tenant', 'forked_from'], name='run_forks'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('parent_run__isnull', False)), fields=('tenant', 'parent_run', 'parent_node', 'parent_attempt'), name='one_child_an_attempt'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'disposed'), _negated=True), models.Q(('input_sealed__isnull', True), ('output_sealed__isnull', True), ('response_sealed__isnull', True)), _connector='OR'), name='run_tombstone_has_no_content'),
        ),
        migrations.AddField(
            model_name='wait',
            name='run',
            field=tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='waits', to='runs.run'),
        ),
        migrations.AddField(
            model_name='wait',
            name='tenant',
            field=models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant'),
        ),
        migrations.AddIndex(
            model_name='wait',
            index=models.Index(condition=models.Q(('answered_at', None), ('withdrawn_at', None)), fields=['tenant', 'id'], name='wait_open'),
        ),
        migrations.AddConstraint(
            model_name='wait',
            constraint=models.UniqueConstraint(fields=('tenant', 'run', 'node_id', 'attempt'), name='one_question_an_attempt'),
        ),
        migrations.AddConstraint(
            model_name='wait',
            constraint=models.UniqueConstraint(fields=('tenant', 'token_digest'), name='wait_token_is_unique'),
        ),
        EnableRLS("wait", parents=("run",)),
        AddTenantReferences("run", parents=("forked_from",)),
        migrations.RunSQL(
            Path(__file__).with_name("checkpoint.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
