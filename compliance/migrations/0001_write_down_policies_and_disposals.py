"""Policies, their activations, and the log of disposals: all of it insert-only."""

import django.db.models.deletion
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenancy', '0003_add_members_tokens_and_service_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='DisposalPlan',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=40)),
                ('target_id', models.UUIDField()),
                ('lines', models.JSONField()),
                ('counts', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('actor_kind', models.CharField(max_length=16)),
                ('actor_id', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('-id',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Disposal',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=40)),
                ('target_id', models.UUIDField()),
                ('counts', models.JSONField()),
                ('plan_digest', models.CharField(max_length=64)),
                ('key_ids', models.JSONField()),
                ('legal_basis', models.CharField(choices=[('gdpr_17_1_a', 'No longer needed for its purpose (GDPR Art. 17(1)(a))'), ('gdpr_17_1_b', 'Consent was withdrawn (GDPR Art. 17(1)(b))'), ('gdpr_17_1_c', 'The person objected (GDPR Art. 17(1)(c))'), ('gdpr_17_1_d', 'It was processed unlawfully (GDPR Art. 17(1)(d))'), ('gdpr_17_1_e', 'The law demands erasure (GDPR Art. 17(1)(e))'), ('gdpr_17_1_f', 'It was collected from a child online (GDPR Art. 17(1)(f))'), ('retention_ended', 'Its retention period has ended'), ('other', 'Another ground, named in the reason')], max_length=32)),
                ('reason', models.CharField(max_length=500)),
                ('actor_kind', models.CharField(max_length=16)),
                ('actor_id', models.CharField(max_length=64)),
                ('started_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('plan', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disposals', to='compliance.disposalplan')),
            ],
            options={
                'ordering': ('-id',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='DisposedRecord',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=40)),
                ('record_id', models.UUIDField()),
                ('digest', models.CharField(max_length=64)),
                ('owner_digest', models.CharField(blank=True, max_length=64)),
                ('disposal', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='records', to='compliance.disposal')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('id',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='PolicySnapshot',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('hard', models.TextField()),
                ('obligations', models.TextField(blank=True)),
                ('schema', models.TextField()),
                ('schema_digest', models.CharField(max_length=64)),
                ('digest', models.CharField(max_length=64)),
                ('summary', models.CharField(blank=True, max_length=300)),
                ('author_kind', models.CharField(max_length=16)),
                ('author_id', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='PolicyActivation',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('actor_kind', models.CharField(max_length=16)),
                ('actor_id', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('snapshot', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='activations', to='compliance.policysnapshot')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='DisposalConfirmation',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('keys_destroyed', models.PositiveIntegerField()),
                ('rows_erased', models.PositiveIntegerField()),
                ('actor_kind', models.CharField(max_length=16)),
                ('actor_id', models.CharField(max_length=64)),
                ('finished_at', models.DateTimeField()),
                ('disposal', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='confirmations', to='compliance.disposal')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'disposal'), name='disposal_is_confirmed_once')],
            },
        ),
        migrations.AddIndex(
            model_name='disposalplan',
            index=models.Index(fields=['tenant', 'kind', 'target_id'], name='plan_by_target'),
        ),
        migrations.AddIndex(
            model_name='disposal',
            index=models.Index(fields=['tenant', 'kind', '-id'], name='disposal_by_kind'),
        ),
        migrations.AddIndex(
            model_name='disposal',
            index=models.Index(fields=['tenant', 'target_id'], name='disposal_by_target'),
        ),
        migrations.AddIndex(
            model_name='disposal',
            index=models.Index(fields=['tenant', 'started_at'], name='disposal_by_date'),
        ),
        migrations.AddConstraint(
            model_name='disposal',
            constraint=models.UniqueConstraint(fields=('tenant', 'plan'), name='disposal_plan_is_used_once'),
        ),
        migrations.AddConstraint(
            model_name='disposal',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='disposal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='disposal',
            constraint=models.CheckConstraint(condition=models.Q(('legal_basis__in', ['gdpr_17_1_a', 'gdpr_17_1_b', 'gdpr_17_1_c', 'gdpr_17_1_d', 'gdpr_17_1_e', 'gdpr_17_1_f', 'retention_ended', 'other'])), name='disposal_has_a_legal_basis'),
        ),
        migrations.AddIndex(
            model_name='disposedrecord',
            index=models.Index(fields=['tenant', 'record_id'], name='disposed_by_record'),
        ),
        migrations.AddIndex(
            model_name='disposedrecord',
            index=models.Index(fields=['tenant', 'owner_digest'], name='disposed_by_owner'),
        ),
        migrations.AddConstraint(
            model_name='disposedrecord',
            constraint=models.UniqueConstraint(fields=('tenant', 'disposal', 'kind', 'record_id'), name='disposed_record_is_listed_once'),
        ),
        migrations.AddConstraint(
            model_name='policysnapshot',
            constraint=models.UniqueConstraint(fields=('tenant', 'number'), name='policy_snapshot_number'),
        ),
        migrations.AddConstraint(
            model_name='policysnapshot',
            constraint=models.UniqueConstraint(fields=('tenant', 'digest'), name='policy_snapshot_digest'),
        ),
        migrations.AddConstraint(
            model_name='policyactivation',
            constraint=models.UniqueConstraint(fields=('tenant', 'number'), name='policy_activation_number'),
        ),
        EnableRLS("policysnapshot", append_only=True),
        EnableRLS("policyactivation", parents=("snapshot",), append_only=True),
        EnableRLS("disposalplan", append_only=True),
        EnableRLS("disposal", parents=("plan",), append_only=True),
        EnableRLS("disposedrecord", parents=("disposal",), append_only=True),
        EnableRLS("disposalconfirmation", parents=("disposal",), append_only=True),
    ]
