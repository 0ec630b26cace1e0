"""Waves and intents change what is on record row by row: see checkpoint.sql, intend.sql and start.sql.

Functions, and a trigger that is made anew: that locks the facts of runs for an instant, once calls that are being
written have been.
"""

from pathlib import Path

from django.db import migrations


def _read(name: str) -> migrations.RunSQL:
    text = Path(__file__).with_name(name).read_text()
    return migrations.RunSQL(text, reverse_sql=migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("runs", "0029_ride_after_the_wave"), ("workflows", "0018_reserve_by_the_row")]

    # The last one has the digest of a run with its tool calls, which checkpoint.sql has without.
    operations = [*map(_read, ("start.sql", "intend.sql", "checkpoint.sql", "tool_calls.sql"))]
