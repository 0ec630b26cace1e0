"""The tables that every wave writes to check no more that what only the executor counts is not negative.

PostgreSQL reads each check anew for every statement: they took a twentieth of what a wave of a governed call takes it.
Constraints are dropped, no row is read; each table is locked for an instant.
"""

from django.db import migrations, models

SMALL, WHOLE = models.SmallIntegerField, models.IntegerField
COUNTED = {
    ("decision", "attempt"): SMALL(),
    ("decision", "engine_us"): WHOLE(),
    ("modelcall", "attempt"): SMALL(),
    ("modelcall", "data_class"): SMALL(default=0),
    ("toolcall", "data_class"): SMALL(default=0),
    ("nodeexecution", "attempt"): SMALL(default=1),
    ("nodeexecution", "claim_token"): WHOLE(default=0),
    ("run", "data_class"): SMALL(),
    ("run", "event_seq"): WHOLE(default=0),
    ("run", "nodes_done"): WHOLE(default=0),
    ("run", "nodes_total"): WHOLE(),
    ("run", "parent_attempt"): SMALL(default=0),
    ("run", "takeovers"): SMALL(default=0),
    ("runclaim", "losses"): SMALL(default=0),
    ("runclaim", "token"): WHOLE(default=0),
    ("runevent", "seq"): WHOLE(),
    ("runfacts", "calls"): WHOLE(default=0),
    ("runfacts", "max_class"): SMALL(default=0),
    ("runfacts", "model_calls"): WHOLE(default=0),
}


class Migration(migrations.Migration):
    dependencies = [("runs", "0032_see_answers_when_parking")]

    operations = [
        migrations.AlterField(model, name, field) for (model, name), field in COUNTED.items()
    ]
