"""Where tool calls may go, and where objects are kept."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
import workflows.models.destination
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('tenancy', '0005_keep_ledger_and_secrets'),
        ('workflows', '0001_workflows_and_providers'),
    ]

    operations = [
        migrations.AlterField(
            model_name='registerentry',
            name='kind',
            field=models.CharField(choices=[('provider', 'Provider'), ('deployment', 'Deployment'), ('model_group', 'Model Group'), ('destination', 'Destination'), ('storage_profile', 'Storage Profile')], max_length=16),
        ),
        migrations.CreateModel(
            name='StorageProfile',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.SlugField(max_length=64)),
                ('title', models.CharField(blank=True, max_length=200)),
                ('kind', models.CharField(choices=[('filesystem', 'Files of this installation')], default='filesystem', max_length=16)),
                ('region', models.CharField(blank=True, max_length=32)),
                ('clearance', models.PositiveSmallIntegerField(default=0)),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('name',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='StoredObject',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=300)),
                ('number', models.PositiveIntegerField()),
                ('run_id', models.UUIDField()),
                ('node_id', models.CharField(max_length=200)),
                ('data_key_id', models.UUIDField()),
                ('reference', models.CharField(max_length=300)),
                ('size', models.PositiveBigIntegerField()),
                ('content_type', models.CharField(max_length=100)),
                ('labels', models.JSONField()),
                ('commitment', models.CharField(max_length=64)),
                ('idempotency_key', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('profile', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stored_objects', to='workflows.storageprofile')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('key', '-number'),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Destination',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.SlugField(max_length=64)),
                ('title', models.CharField(blank=True, max_length=200)),
                ('scheme', models.CharField(choices=[('https', 'HTTPS'), ('http', 'HTTP')], default='https', max_length=8)),
                ('host', models.CharField(max_length=253)),
                ('port', models.PositiveIntegerField(default=443, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)])),
                ('methods', models.JSONField(default=workflows.models.destination.reading_methods)),
                ('egress', models.CharField(choices=[('internal', 'Inside'), ('external', 'Outside')], default='external', max_length=16)),
                ('region', models.CharField(blank=True, max_length=32)),
                ('clearance', models.PositiveSmallIntegerField(default=0)),
                ('answer_class', models.PositiveSmallIntegerField(default=1)),
                ('secret_name', models.CharField(blank=True, max_length=100)),
                ('secret_header', models.CharField(blank=True, default='Authorization', max_length=64)),
                ('secret_prefix', models.CharField(blank=True, default='Bearer ', max_length=32)),
                ('baa', models.BooleanField(default=False, verbose_name='business associate agreement')),
                ('dpa', models.BooleanField(default=False, verbose_name='data processing agreement')),
                ('zero_retention', models.BooleanField(default=False)),
                ('papers_expire_on', models.DateField(blank=True, null=True)),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('name',),
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='destination_name_is_unique'), models.UniqueConstraint(fields=('tenant', 'scheme', 'host', 'port'), name='destination_place_is_unique'), models.CheckConstraint(condition=models.Q(('answer_class__lte', 3), ('clearance__lte', 3)), name='destination_classes_are_known'), models.CheckConstraint(condition=models.Q(('egress', 'internal'), ('scheme', 'https'), _connector='OR'), name='destination_outside_is_encrypted')],
            },
        ),
        migrations.AddConstraint(
            model_name='storageprofile',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='storage_profile_name_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='storageprofile',
            constraint=models.CheckConstraint(condition=models.Q(('clearance__lte', 3)), name='storage_profile_clearance_is_known'),
        ),
        migrations.AddIndex(
            model_name='storedobject',
            index=models.Index(fields=['tenant', 'run_id'], name='stored_by_run'),
        ),
        migrations.AddConstraint(
            model_name='storedobject',
            constraint=models.UniqueConstraint(fields=('tenant', 'profile', 'key', 'number'), name='stored_version_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='storedobject',
            constraint=models.UniqueConstraint(fields=('tenant', 'profile', 'idempotency_key'), name='stored_once_a_call'),
        ),
        EnableRLS("destination", refuse=("DELETE", "TRUNCATE")),
        EnableRLS("storageprofile", refuse=("DELETE", "TRUNCATE")),
        EnableRLS("storedobject", parents=("profile",), refuse=("UPDATE", "TRUNCATE")),
    ]
