"""The entry of a run's end is written with its last wave, and no plan of the hot path reads a whole table: see end.sql.

Functions, and a trigger that is made anew: that locks the facts of runs for an instant.
"""

from pathlib import Path

from django.db import migrations


def _read(name: str) -> migrations.RunSQL:
    text = Path(__file__).with_name(name).read_text()
    return migrations.RunSQL(text, reverse_sql=migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("runs", "0030_write_waves_row_by_row"), ("tenancy", "0012_append_in_sql")]

    operations = [*map(_read, ("end.sql", "checkpoint.sql", "intend.sql", "claim.sql"))]
