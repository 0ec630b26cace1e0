"""A reservation is one change of each counter, and the check with it: see budgets.sql.

Functions only; nothing is locked.
"""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workflows", "0017_reserve_without_adding_up")]

    operations = [
        migrations.RunSQL(
            Path(__file__).with_name("budgets.sql").read_text(), reverse_sql=migrations.RunSQL.noop
        ),
    ]
