"""Indexes that no query reads go: each was written with every run, node and event, and again with each change of state.

Which are read was counted over a million runs (benchmarks.run_list). What begins with the tenant serves row-level
security; a reference alone serves nothing. Dropping takes a moment's lock on each table; what is built anew holds up
writes to runs for about a second per million of them.
"""

import django.db.models.deletion
import tenancy.models.owned
from django.db import migrations, models


# Nothing refers to rows of these by (tenant_id, id): see tenancy.rls.EnableRLS.
NOT_REFERRED_TO = ("nodeexecution", "runevent", "modelcall", "toolcall", "runfacts", "wait")


class Migration(migrations.Migration):

    dependencies = [
        ('compliance', '0001_write_down_policies_and_disposals'),
        ('runs', '0007_hold_quotas'),
        ('tenancy', '0006_keep_quotas'),
        ('workflows', '0002_destinations_and_storage'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='run',
            name='run_idempotency_key_is_unique',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_newest',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_by_subject',
        ),
        migrations.AlterField(
            model_name='decision',
            name='run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='runs.run'),
        ),
        migrations.AlterField(
            model_name='decision',
            name='snapshot',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='compliance.policysnapshot'),
        ),
        migrations.AlterField(
            model_name='modelcall',
            name='decision',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='model_calls', to='runs.decision'),
        ),
        migrations.AlterField(
            model_name='modelcall',
            name='deployment',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.deployment'),
        ),
        migrations.AlterField(
            model_name='modelcall',
            name='run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='model_calls', to='runs.run'),
        ),
        migrations.AlterField(
            model_name='nodeexecution',
            name='run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='node_executions', to='runs.run'),
        ),
        migrations.AlterField(
            model_name='run',
            name='parent_run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='runs.run'),
        ),
        migrations.AlterField(
            model_name='run',
            name='root_run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tree', to='runs.run'),
        ),
        migrations.AlterField(
            model_name='run',
            name='snapshot',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='compliance.policysnapshot'),
        ),
        migrations.AlterField(
            model_name='run',
            name='version',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='workflows.workflowversion'),
        ),
        migrations.AlterField(
            model_name='run',
            name='workflow',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='workflows.workflow'),
        ),
        migrations.AlterField(
            model_name='runevent',
            name='run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='runs.run'),
        ),
        migrations.AlterField(
            model_name='runfacts',
            name='root_run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='facts', to='runs.run'),
        ),
        migrations.AlterField(
            model_name='toolcall',
            name='decision',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tool_calls', to='runs.decision'),
        ),
        migrations.AlterField(
            model_name='toolcall',
            name='run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tool_calls', to='runs.run'),
        ),
        migrations.AlterField(
            model_name='wait',
            name='run',
            field=tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='waits', to='runs.run'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('subject_key', ''), _negated=True), fields=['tenant', 'subject_key'], name='run_by_subject'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('root_run__isnull', False)), fields=['tenant', 'root_run'], name='run_tree'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False)), fields=('tenant', 'idempotency_key'), name='run_idempotency_key_is_unique'),
        ),
        *(
            migrations.RunSQL(
                f"ALTER TABLE runs_{name} DROP CONSTRAINT runs_{name}_in_tenant",
                reverse_sql=f"ALTER TABLE runs_{name} ADD CONSTRAINT runs_{name}_in_tenant UNIQUE (tenant_id, id)",
            )
            for name in NOT_REFERRED_TO
        ),
    ]
