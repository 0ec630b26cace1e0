"""The entry of a run's end is written with its last wave: see end.sql and checkpoint.sql. Functions only; nothing is locked."""

from pathlib import Path

from django.db import migrations


def _read(name: str) -> migrations.RunSQL:
    text = Path(__file__).with_name(name).read_text()
    return migrations.RunSQL(text, reverse_sql=migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("runs", "0030_write_waves_row_by_row"), ("tenancy", "0012_append_in_sql")]

    operations = [_read("end.sql"), _read("checkpoint.sql")]
