"""The ledger, its tree, its signing keys; and secrets."""

import django.db.models.deletion
import tenancy.models.ledger
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('tenancy', '0004_keep_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('event', models.CharField(max_length=64)),
                ('subject_kind', models.CharField(max_length=64)),
                ('subject_id', models.CharField(max_length=200)),
                ('actor_kind', models.CharField(max_length=16)),
                ('actor_id', models.CharField(max_length=64)),
                ('facts', models.JSONField()),
                ('canonical', models.BinaryField()),
                ('transaction', models.BigIntegerField(db_default=tenancy.models.ledger.CurrentTransaction(), editable=False)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('-id',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='LedgerLeaf',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('index', models.BigIntegerField()),
                ('hash', models.BinaryField()),
                ('mark', models.BinaryField()),
                ('entry', tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='leaf', to='tenancy.ledgerentry')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='LedgerNode',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('level', models.PositiveSmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('hash', models.BinaryField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Secret',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('name',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='SecretVersion',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('sealed', models.BinaryField(null=True)),
                ('fingerprint', models.CharField(max_length=16)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by_kind', models.CharField(max_length=16)),
                ('created_by_id', models.CharField(max_length=64)),
                ('secret', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='tenancy.secret')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('public_key', models.BinaryField()),
                ('private_sealed', models.BinaryField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='LedgerCheckpoint',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('size', models.BigIntegerField()),
                ('root', models.BinaryField()),
                ('note', models.TextField()),
                ('seen_before', models.BigIntegerField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('signing_key', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checkpoints', to='tenancy.signingkey')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['tenant', 'transaction'], name='ledger_entry_by_transaction'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['tenant', 'event', '-id'], name='ledger_entry_by_event'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['tenant', 'subject_id', 'subject_kind', '-id'], name='ledger_entry_by_subject'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['tenant', 'actor_id', '-id'], name='ledger_entry_by_actor'),
        ),
        migrations.AddConstraint(
            model_name='ledgerleaf',
            constraint=models.UniqueConstraint(fields=('tenant', 'index'), name='ledger_leaf_index_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='ledgerleaf',
            constraint=models.UniqueConstraint(fields=('tenant', 'entry'), name='ledger_leaf_entry_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='ledgernode',
            constraint=models.UniqueConstraint(fields=('tenant', 'level', 'index'), name='ledger_node_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='secret_name_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.UniqueConstraint(fields=('tenant', 'secret', 'number'), name='secret_version_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='signingkey',
            constraint=models.UniqueConstraint(fields=('tenant', 'public_key'), name='signing_key_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='ledgercheckpoint',
            constraint=models.UniqueConstraint(fields=('tenant', 'size'), name='ledger_checkpoint_is_single'),
        ),
        EnableRLS("ledgerentry", append_only=True),
        EnableRLS("ledgerleaf", parents=("entry",), append_only=True),
        EnableRLS("ledgernode", append_only=True),
        EnableRLS("signingkey", append_only=True),
        EnableRLS("ledgercheckpoint", parents=("signing_key",), append_only=True),
        EnableRLS("secret", refuse=("DELETE", "TRUNCATE")),
        EnableRLS("secretversion", parents=("secret",), refuse=("DELETE", "TRUNCATE")),
    ]
