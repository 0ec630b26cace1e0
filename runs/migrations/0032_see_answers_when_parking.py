"""An answer that came just before its run was parked is seen by the wave that parks it: see checkpoint.sql."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("runs", "0031_record_ends_in_waves")]

    operations = [
        migrations.RunSQL(
            Path(__file__).with_name("checkpoint.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
