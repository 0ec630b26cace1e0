"""What a tenant asks before a version is published. A new table: locks nothing."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('tenancy', '0007_bind_secrets'),
        ('workflows', '0007_end_prices'),
    ]

    operations = [
        migrations.CreateModel(
            name='GovernanceRules',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_kind', models.CharField(editable=False, max_length=16)),
                ('author_id', models.CharField(editable=False, max_length=64)),
                ('author_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('review_required', models.BooleanField(default=False)),
                ('reviewers', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(5)])),
                ('documentation_required', models.BooleanField(default=False)),
                ('cases_must_pass', models.BooleanField(default=False)),
                ('staging_first', models.BooleanField(default=False)),
                ('recertify_days', models.PositiveIntegerField(null=True)),
                ('block_overdue', models.BooleanField(default=False)),
                ('reason', models.CharField(max_length=500)),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'ordering': ('-number',),
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'number'), name='governance_number_is_unique'), models.CheckConstraint(condition=models.Q(('reviewers__gte', 1), ('reviewers__lte', 5)), name='governance_reviewers_are_few'), models.CheckConstraint(condition=models.Q(('recertify_days', None), models.Q(('recertify_days__gte', 1), ('recertify_days__lte', 3650)), _connector='OR'), name='governance_term_is_some_days')],
            },
        ),
        EnableRLS("governancerules", append_only=True),
    ]
