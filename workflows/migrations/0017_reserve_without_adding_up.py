"""A reservation adds up what was settled only where it has to; settlements refer to their tenant through their budget.

Settlements are few, so nothing waits for long.
"""

from pathlib import Path

from django.db import migrations, models

import tenancy.models.owned


class Migration(migrations.Migration):
    dependencies = [("workflows", "0016_keep_trials")]

    operations = [
        migrations.AlterField(
            "budgetsettlement",
            "tenant",
            models.ForeignKey(
                db_constraint=False,
                db_default=tenancy.models.owned.CurrentTenant(),
                db_index=False,
                editable=False,
                on_delete=models.PROTECT,
                related_name="+",
                to="tenancy.tenant",
            ),
        ),
        migrations.AddIndex(
            "budgetsettlement",
            models.Index(
                fields=["tenant", "budget"],
                name="settlement_overspent",
                condition=models.Q(spent__gt=models.F("released")),
            ),
        ),
        migrations.RunSQL(
            Path(__file__).with_name("budgets.sql").read_text(), reverse_sql=migrations.RunSQL.noop
        ),
    ]
