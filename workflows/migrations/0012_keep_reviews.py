"""Reviews, votes and comments, and two more states of a version.

New tables lock nothing. The wider column and the constraint of workflows_versionstatus lock it for one short scan:
versions and their states are few.
"""

import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('tenancy', '0007_bind_secrets'),
        ('workflows', '0011_undo_and_presence'),
    ]

    operations = [
        migrations.CreateModel(
            name='Comment',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('node', models.CharField(blank=True, max_length=64)),
                ('text', models.CharField(blank=True, max_length=4000)),
                ('resolves', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ('number',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('open', 'Open'), ('approved', 'Approved'), ('changes_requested', 'Changes Requested'), ('lapsed', 'Lapsed'), ('withdrawn', 'Withdrawn')], default='open', max_length=24)),
                ('needed', models.PositiveSmallIntegerField()),
                ('needs_officer', models.BooleanField(default=False)),
                ('risk', models.CharField(max_length=8)),
                ('message', models.CharField(blank=True, max_length=2000)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('ended_at', models.DateTimeField(editable=False, null=True)),
                ('outcome', models.CharField(blank=True, max_length=1000)),
            ],
            options={
                'ordering': ('-id',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Vote',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('person', models.CharField(max_length=80)),
                ('choice', models.CharField(choices=[('approve', 'Approve'), ('request_changes', 'Request Changes')], max_length=24)),
                ('reason', models.CharField(blank=True, max_length=2000)),
                ('checklist', models.JSONField(default=dict)),
                ('as_officer', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ('id',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.RemoveConstraint(
            model_name='versionstatus',
            name='status_state_is_known',
        ),
        migrations.AlterField(
            model_name='versionstatus',
            name='state',
            field=models.CharField(choices=[('draft', 'Draft'), ('in_review', 'In Review'), ('changes_requested', 'Changes Requested'), ('published', 'Published'), ('retired', 'Retired')], max_length=24),
        ),
        migrations.AddConstraint(
            model_name='versionstatus',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'in_review', 'changes_requested', 'published', 'retired'])), name='status_state_is_known'),
        ),
        migrations.AddField(
            model_name='comment',
            name='answers',
            field=tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='workflows.comment'),
        ),
        migrations.AddField(
            model_name='comment',
            name='tenant',
            field=models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant'),
        ),
        migrations.AddField(
            model_name='review',
            name='base',
            field=tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.workflowversion'),
        ),
        migrations.AddField(
            model_name='review',
            name='tenant',
            field=models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant'),
        ),
        migrations.AddField(
            model_name='review',
            name='version',
            field=tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='workflows.workflowversion'),
        ),
        migrations.AddField(
            model_name='review',
            name='workflow',
            field=tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='workflows.workflow'),
        ),
        migrations.AddField(
            model_name='comment',
            name='review',
            field=tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='comments', to='workflows.review'),
        ),
        migrations.AddField(
            model_name='vote',
            name='review',
            field=tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='votes', to='workflows.review'),
        ),
        migrations.AddField(
            model_name='vote',
            name='tenant',
            field=models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.UniqueConstraint(fields=('tenant', 'workflow', 'number'), name='review_number_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('tenant', 'workflow'), name='review_open_is_single'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'approved', 'changes_requested', 'lapsed', 'withdrawn'])), name='review_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='review_ended_has_a_moment'),
        ),
        migrations.AddConstraint(
            model_name='comment',
            constraint=models.UniqueConstraint(fields=('tenant', 'review', 'number'), name='comment_number_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='comment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('text', ''), _negated=True), ('resolves', True), _connector='OR'), name='comment_says_something'),
        ),
        migrations.AddConstraint(
            model_name='comment',
            constraint=models.CheckConstraint(condition=models.Q(('resolves', False), ('answers__isnull', False), _connector='OR'), name='comment_that_resolves_answers_one'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.UniqueConstraint(fields=('tenant', 'review', 'person'), name='vote_is_single_per_person'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.CheckConstraint(condition=models.Q(('choice__in', ['approve', 'request_changes'])), name='vote_choice_is_known'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.CheckConstraint(condition=models.Q(('choice', 'approve'), models.Q(('reason', ''), _negated=True), _connector='OR'), name='vote_against_has_a_reason'),
        ),
        EnableRLS("review", parents=("workflow", "version", "base"), refuse=("DELETE", "TRUNCATE")),
        EnableRLS("vote", parents=("review",), append_only=True),
        EnableRLS("comment", parents=("review", "answers"), refuse=("UPDATE", "TRUNCATE")),
    ]
