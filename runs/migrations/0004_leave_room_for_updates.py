"""Rows that every wave updates find room on their own page, so that no index is touched (heap-only tuples)."""

from django.db import migrations

TABLES = ("runs_run", "runs_runclaim", "runs_runfacts", "runs_nodeexecution")


class Migration(migrations.Migration):
    dependencies = [("runs", "0003_install_checkpoint")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} SET (fillfactor = 50)",
            reverse_sql=f"ALTER TABLE {table} RESET (fillfactor)",
        )
        for table in TABLES
    ]
