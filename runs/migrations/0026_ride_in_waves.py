"""The intents of calls that nodes begin with ride in the wave that starts them: see intend.sql and checkpoint.sql.

Functions only; nothing is locked.
"""

from pathlib import Path

from django.db import migrations


def _read(name: str) -> migrations.RunSQL:
    text = Path(__file__).with_name(name).read_text()
    return migrations.RunSQL(text, reverse_sql=migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("runs", "0025_tell_states_by_id")]

    # The last one has the digest of a run with its tool calls, which checkpoint.sql has without.
    operations = [_read("intend.sql"), _read("checkpoint.sql"), _read("tool_calls.sql")]
