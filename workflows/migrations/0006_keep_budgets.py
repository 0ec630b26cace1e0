"""Budgets with thresholds (see budgets.sql beside this file), and what calls cost, added up by the day."""

from pathlib import Path

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import tenancy.models.owned
from django.db import migrations, models

from tenancy.rls import EnableRLS

FUNCTIONS = (
    "grove_budgets_to_tell()",
    "grove_settle(uuid[], bigint, bigint, bigint, bigint)",
    "grove_reserve(uuid[], bigint, bigint)",
    "grove_fold_budgets(uuid[])",
    "grove_threshold(bigint, integer, bigint)",
    "grove_period_start(text, timestamptz)",
)
COUNT = """
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON workflows_budget
    FOR EACH ROW EXECUTE FUNCTION grove_bump_register();
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0005_keep_standing")]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.SlugField(max_length=64)),
                ('scope', models.CharField(choices=[('tenant', 'All calls'), ('workflow', 'A workflow'), ('provider', 'A provider'), ('secret', 'A secret'), ('model_group', 'A model group')], default='tenant', max_length=16)),
                ('secret_name', models.CharField(blank=True, max_length=100)),
                ('unit', models.CharField(choices=[('money', 'Money'), ('tokens', 'Tokens')], default='money', max_length=8)),
                ('amount', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(0)])),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('period', models.CharField(choices=[('day', 'Day'), ('month', 'Month'), ('total', 'In all')], default='month', max_length=8)),
                ('hard_stop', models.BooleanField(default=True)),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('model_group', tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.modelgroup')),
                ('provider', tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.provider')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('workflow', tenancy.models.owned.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.workflow')),
            ],
            options={
                'ordering': ('name',),
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='BudgetCounter',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('since', models.DateTimeField()),
                ('used', models.BigIntegerField(default=0)),
                ('reserved', models.BigIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('alerted', models.PositiveSmallIntegerField(default=0)),
                ('budget', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='counters', to='workflows.budget')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='BudgetSettlement',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('released', models.BigIntegerField()),
                ('spent', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('budget', tenancy.models.owned.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='settlements', to='workflows.budget')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='budget_name_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('model_group', None), ('provider', None), ('secret_name', ''), ('workflow', None)), ('scope', 'tenant')), models.Q(('model_group', None), ('provider', None), ('scope', 'workflow'), ('secret_name', ''), ('workflow__isnull', False)), models.Q(('model_group', None), ('provider__isnull', False), ('scope', 'provider'), ('secret_name', ''), ('workflow', None)), models.Q(('model_group', None), ('provider', None), ('scope', 'secret'), ('workflow', None), models.Q(('secret_name', ''), _negated=True)), models.Q(('model_group__isnull', False), ('provider', None), ('scope', 'model_group'), ('secret_name', ''), ('workflow', None)), _connector='OR'), name='budget_scope_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('currency__regex', '^[A-Z]{3}$'), ('unit', 'money')), models.Q(('currency', ''), ('unit', 'tokens')), _connector='OR'), name='budget_unit_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('period__in', ['day', 'month', 'total'])), name='budget_period_is_known'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='budget_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='budgetcounter',
            constraint=models.UniqueConstraint(fields=('tenant', 'budget'), name='counter_of_one_budget'),
        ),
        migrations.CreateModel(
            name='CostDay',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('node', models.CharField(max_length=200)),
                ('model_group', models.CharField(max_length=100)),
                ('secret_name', models.CharField(blank=True, max_length=100)),
                ('currency', models.CharField(max_length=3)),
                ('calls', models.BigIntegerField()),
                ('failed', models.BigIntegerField()),
                ('tokens_in', models.BigIntegerField()),
                ('tokens_out', models.BigIntegerField()),
                ('cost_micros', models.BigIntegerField()),
                ('deployment', tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.deployment')),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
                ('workflow', tenancy.models.owned.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.workflow')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'day', 'workflow', 'node', 'deployment', 'model_group', 'secret_name', 'currency'), name='cost_day_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='CostMark',
            fields=[
                ('id', models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False)),
                ('until', models.DateField()),
                ('tenant', models.ForeignKey(db_default=tenancy.models.owned.CurrentTenant(), db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant',), name='cost_mark_is_single')],
            },
        ),
        EnableRLS("budget", parents=("workflow", "provider", "model_group"), refuse=("DELETE", "TRUNCATE")),
        EnableRLS("budgetcounter", parents=("budget",), refuse=("DELETE", "TRUNCATE")),
        EnableRLS("costday", parents=("workflow", "deployment"), refuse=("UPDATE", "TRUNCATE")),
        EnableRLS("costmark", refuse=("DELETE", "TRUNCATE")),
        EnableRLS("budgetsettlement", parents=("budget",), refuse=("UPDATE", "TRUNCATE")),
        # A counter is updated with every call: room for its next versions on its own page.
        migrations.RunSQL(
            "ALTER TABLE workflows_budgetcounter SET (fillfactor = 20)",
            reverse_sql="ALTER TABLE workflows_budgetcounter RESET (fillfactor)",
        ),
        migrations.RunSQL(COUNT, reverse_sql="DROP TRIGGER count_change ON workflows_budget;"),
        migrations.RunSQL(
            Path(__file__).with_name("budgets.sql").read_text(),
            reverse_sql="".join(f"DROP FUNCTION {name};" for name in FUNCTIONS),
        ),
    ]
