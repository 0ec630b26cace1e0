"""The entry of a run's end commits to what its calls carried and where they went, too. A new function: locks nothing.

The digest that entries had before is computed as it always was, so that they go on to verify.
"""

from django.db import migrations

DIGEST = """
-- SHA-256 over a line for each call that left while the run was under way: docs/ledger.md describes the lines.
CREATE FUNCTION grove_departures_digest(for_run uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM (
        SELECT jsonb_build_array('model', m.id, m.provider, m.region, m.egress, m.data_class, m.tags, m.redactions,
                                 m.status, m.error_kind)::text AS line
            FROM runs_modelcall m JOIN runs_run r ON r.id = m.run_id
            WHERE m.run_id = for_run AND m.finished_at <= r.finished_at
        UNION ALL
        SELECT jsonb_build_array('tool', t.id, t.destination, t.region, t.egress, t.data_class, t.tags, t.redactions,
                                 t.status, t.error_kind)::text
            FROM runs_toolcall t JOIN runs_run r ON r.id = t.run_id
            WHERE t.run_id = for_run AND t.finished_at <= r.finished_at
    ) AS lines
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0020_find_by_manifest")]

    operations = [
        migrations.RunSQL(DIGEST, reverse_sql="DROP FUNCTION grove_departures_digest(uuid);"),
    ]
