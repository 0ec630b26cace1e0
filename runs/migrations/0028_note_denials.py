"""A run says by itself that a policy denied it something: see denials.sql.

Rows of runs that were denied something are written once; writes to runs wait meanwhile, some seconds per million.
"""

from pathlib import Path

from django.db import migrations, models

# The owner of the tables is bound by row-level security, too: of all tenants at once only without that.
NOTE_EARLIER = """
ALTER TABLE runs_run NO FORCE ROW LEVEL SECURITY;
ALTER TABLE runs_decision NO FORCE ROW LEVEL SECURITY;
UPDATE runs_run r SET was_denied = true
    WHERE (r.tenant_id, r.id) IN (SELECT tenant_id, run_id FROM runs_decision WHERE verdict = 'deny');
ALTER TABLE runs_decision FORCE ROW LEVEL SECURITY;
ALTER TABLE runs_run FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0027_keep_views_of_providers")]

    operations = [
        migrations.AddField(
            "run",
            "was_denied",
            models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.RunSQL(
            Path(__file__).with_name("denials.sql").read_text(),
            reverse_sql="DROP TRIGGER note_denial ON runs_decision; DROP FUNCTION grove_note_denial();",
        ),
        migrations.RunSQL(NOTE_EARLIER, reverse_sql=migrations.RunSQL.noop),
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["tenant", "-id"],
                name="run_by_denial",
                condition=models.Q(was_denied=True),
                include=["status", "parent_run"],
            ),
        ),
    ]
