"""The functions of the hot path: see checkpoint.sql beside this file."""

from pathlib import Path

from django.db import migrations

FUNCTIONS = (
    "grove_emit(uuid, jsonb)",
    "grove_checkpoint(jsonb, bytea[])",
    "grove_settle_calls(jsonb, bytea[], uuid[])",
    "grove_run_digest(uuid)",
)


class Migration(migrations.Migration):
    dependencies = [("runs", "0002_guard_runs")]

    operations = [
        migrations.RunSQL(
            Path(__file__).with_name("checkpoint.sql").read_text(),
            reverse_sql="".join(f"DROP FUNCTION IF EXISTS {name};" for name in FUNCTIONS),
        )
    ]
