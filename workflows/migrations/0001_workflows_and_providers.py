"""Workflows with their revisions and versions, and providers with their deployments and prices."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS

# A workflow points to its head and its published version, which point back to it: these two composite keys come last.
POINTERS = """
ALTER TABLE workflows_workflow
    ADD CONSTRAINT workflows_workflow_head_id_in_tenant
    FOREIGN KEY (tenant_id, head_id) REFERENCES workflows_definitionrevision (tenant_id, id),
    ADD CONSTRAINT workflows_workflow_published_id_in_tenant
    FOREIGN KEY (tenant_id, published_id) REFERENCES workflows_workflowversion (tenant_id, id)
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenancy', '0003_add_members_tokens_and_service_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='DefinitionRevision',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('digest', models.CharField(blank=True, max_length=64)),
                ('media', models.CharField(choices=[('yaml', 'YAML'), ('json', 'JSON')], max_length=8)),
                ('node_count', models.PositiveIntegerField(default=0)),
                ('error_count', models.PositiveIntegerField(default=0)),
                ('summary', models.CharField(blank=True, max_length=500)),
                ('parent', tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.definitionrevision')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Deployment',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.SlugField(max_length=64)),
                ('model', models.CharField(max_length=200)),
                ('clearance', models.PositiveSmallIntegerField(default=0)),
                ('timeout_seconds', models.PositiveSmallIntegerField(default=120, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3600)])),
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
            name='ModelGroup',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.SlugField(max_length=64)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('name',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='ModelGroupMember',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField()),
                ('deployment', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='workflows.deployment')),
                ('group', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='workflows.modelgroup')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('position',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('valid_from', models.DateTimeField()),
                ('input_micros_per_million', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(0)])),
                ('output_micros_per_million', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(0)])),
                ('currency', models.CharField(default='EUR', max_length=3)),
                ('deployment', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='prices', to='workflows.deployment')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('-valid_from', '-id'),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Provider',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.SlugField(max_length=64)),
                ('title', models.CharField(blank=True, max_length=200)),
                ('kind', models.CharField(choices=[('openai', 'OpenAI-compatible')], default='openai', max_length=16)),
                ('base_url', models.URLField(max_length=500)),
                ('auth', models.CharField(choices=[('none', 'None'), ('api_key', 'API key')], default='none', max_length=16)),
                ('secret_name', models.CharField(blank=True, max_length=100)),
                ('egress', models.CharField(choices=[('internal', 'Inside'), ('external', 'Outside')], default='external', max_length=16)),
                ('region', models.CharField(blank=True, max_length=32)),
                ('baa', models.BooleanField(default=False, verbose_name='business associate agreement')),
                ('dpa', models.BooleanField(default=False, verbose_name='data processing agreement')),
                ('zero_retention', models.BooleanField(default=False)),
                ('trains_on_data', models.BooleanField(default=True)),
                ('papers_expire_on', models.DateField(blank=True, null=True)),
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
        migrations.AddField(
            model_name='deployment',
            name='provider',
            field=tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deployments', to='workflows.provider'),
        ),
        migrations.CreateModel(
            name='RegisterEntry',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('kind', models.CharField(choices=[('provider', 'Provider'), ('deployment', 'Deployment'), ('model_group', 'Model Group')], max_length=16)),
                ('subject_id', models.UUIDField()),
                ('name', models.CharField(max_length=64)),
                ('facts', models.JSONField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'verbose_name_plural': 'register entries',
                'ordering': ('id',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='RevisionContent',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('spec_sealed', models.BinaryField(null=True)),
                ('source_sealed', models.BinaryField()),
                ('problems_sealed', models.BinaryField()),
                ('revision', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.definitionrevision')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Workflow',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('slug', models.SlugField(max_length=64)),
                ('title', models.CharField(max_length=200)),
                ('data_class', models.PositiveSmallIntegerField(default=1)),
                ('data_key_id', models.UUIDField(editable=False)),
                ('disposed_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('head', tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.definitionrevision')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('title', 'id'),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Documentation',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('purpose', models.TextField(blank=True)),
                ('owner', models.CharField(blank=True, max_length=200)),
                ('category', models.CharField(blank=True, max_length=200)),
                ('legal_basis', models.TextField(blank=True)),
                ('people_concerned', models.TextField(blank=True)),
                ('retention_days', models.PositiveIntegerField(null=True)),
                ('node_texts', models.JSONField(default=dict)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('workflow', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='documentation', to='workflows.workflow')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='definitionrevision',
            name='workflow',
            field=tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='revisions', to='workflows.workflow'),
        ),
        migrations.CreateModel(
            name='WorkflowVersion',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('revision', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='workflows.definitionrevision')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('workflow', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='workflows.workflow')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='workflow',
            name='published',
            field=tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.workflowversion'),
        ),
        migrations.CreateModel(
            name='VersionStatus',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('retired', 'Retired')], max_length=16)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('version', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='statuses', to='workflows.workflowversion')),
            ],
            options={
                'ordering': ('number',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddConstraint(
            model_name='modelgroup',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='model_group_name_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='modelgroupmember',
            constraint=models.UniqueConstraint(fields=('tenant', 'group', 'position'), name='model_group_place_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='modelgroupmember',
            constraint=models.UniqueConstraint(fields=('tenant', 'group', 'deployment'), name='model_group_names_a_deployment_once'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('input_micros_per_million__gte', 0), ('output_micros_per_million__gte', 0)), name='price_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='provider',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='provider_name_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='provider',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('auth', 'api_key'), _negated=True), models.Q(('secret_name', ''), _negated=True), _connector='OR'), name='provider_api_key_names_its_secret'),
        ),
        migrations.AddConstraint(
            model_name='provider',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['openai'])), name='provider_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='deployment',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='deployment_name_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='deployment',
            constraint=models.CheckConstraint(condition=models.Q(('clearance__lte', 3)), name='deployment_clearance_is_known'),
        ),
        migrations.AddIndex(
            model_name='registerentry',
            index=models.Index(fields=['tenant', 'kind', 'name', '-created_at'], name='register_by_name_and_time'),
        ),
        migrations.AddConstraint(
            model_name='revisioncontent',
            constraint=models.UniqueConstraint(fields=('tenant', 'revision'), name='content_is_of_one_revision'),
        ),
        migrations.AddConstraint(
            model_name='documentation',
            constraint=models.UniqueConstraint(fields=('tenant', 'workflow', 'number'), name='documentation_number_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='definitionrevision',
            constraint=models.UniqueConstraint(fields=('tenant', 'workflow', 'number'), name='revision_number_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='definitionrevision',
            constraint=models.CheckConstraint(condition=models.Q(('media__in', ['yaml', 'json'])), name='revision_media_is_known'),
        ),
        migrations.AddConstraint(
            model_name='workflowversion',
            constraint=models.UniqueConstraint(fields=('tenant', 'workflow', 'number'), name='version_number_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='workflowversion',
            constraint=models.UniqueConstraint(fields=('tenant', 'revision'), name='version_is_made_once_of_a_revision'),
        ),
        migrations.AddConstraint(
            model_name='workflow',
            constraint=models.UniqueConstraint(fields=('tenant', 'slug'), name='workflow_slug_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='workflow',
            constraint=models.CheckConstraint(condition=models.Q(('data_class__lte', 3)), name='workflow_data_class_is_known'),
        ),
        migrations.AddConstraint(
            model_name='workflow',
            constraint=models.CheckConstraint(condition=models.Q(('disposed_at__isnull', True), ('published__isnull', True), _connector='OR'), name='workflow_disposed_has_nothing_published'),
        ),
        migrations.AddConstraint(
            model_name='versionstatus',
            constraint=models.UniqueConstraint(fields=('tenant', 'version', 'number'), name='status_number_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='versionstatus',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'published', 'retired'])), name='status_state_is_known'),
        ),
        EnableRLS("provider", refuse=("DELETE", "TRUNCATE")),
        EnableRLS("deployment", parents=("provider",), refuse=("DELETE", "TRUNCATE")),
        EnableRLS("price", parents=("deployment",), append_only=True),
        EnableRLS("modelgroup", refuse=("DELETE", "TRUNCATE")),
        EnableRLS("modelgroupmember", parents=("group", "deployment")),
        EnableRLS("registerentry", append_only=True),
        EnableRLS("workflow", refuse=("DELETE", "TRUNCATE")),
        EnableRLS("definitionrevision", parents=("workflow", "parent"), append_only=True),
        EnableRLS("revisioncontent", parents=("revision",), refuse=("UPDATE", "TRUNCATE")),
        EnableRLS("workflowversion", parents=("workflow", "revision"), append_only=True),
        EnableRLS("versionstatus", parents=("version",), append_only=True),
        EnableRLS("documentation", parents=("workflow",), append_only=True),
        migrations.RunSQL(POINTERS, reverse_sql=migrations.RunSQL.noop),
    ]
