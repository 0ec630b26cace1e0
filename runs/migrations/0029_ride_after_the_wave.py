"""What rides with a wave is a statement of its own in the wave's transaction: see intend.sql and checkpoint.sql.

Functions only; nothing is locked. A worker of before this finds that nothing rides, and lets its nodes ask.
"""

from pathlib import Path

from django.db import migrations


def _read(name: str) -> migrations.RunSQL:
    text = Path(__file__).with_name(name).read_text()
    return migrations.RunSQL(text, reverse_sql=migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("runs", "0028_note_denials")]

    # The last one has the digest of a run with its tool calls, which checkpoint.sql has without.
    operations = [
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS grove_ride(jsonb, bytea[], uuid[])",
            reverse_sql=migrations.RunSQL.noop,
        ),
        *map(_read, ("intend.sql", "checkpoint.sql", "tool_calls.sql")),
    ]
