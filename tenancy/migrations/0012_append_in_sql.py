"""An entry that says what only the server can say is written by a function. A new one: locks nothing."""

from django.db import migrations

APPEND = """
-- Write an entry of the ledger: see tenancy/ledger.py, to_row. `told` are the digests that it leaves open, by the names
-- of their facts: hexadecimal digits, which stand in JSON as they are.
CREATE FUNCTION grove_append(entry jsonb, told jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    canonical text := entry->>'canonical';
    name text;
    digest text;
BEGIN
    FOR name, digest IN SELECT key, value FROM jsonb_each_text(told) LOOP
        IF digest !~ '^[0-9a-f]+$' THEN
            RAISE 'The digest % is not hexadecimal.', name;
        END IF;
        canonical := replace(canonical, '<' || name || '>', digest);
    END LOOP;
    INSERT INTO tenancy_ledgerentry (id, at, event, subject_kind, subject_id, actor_kind, actor_id, facts, canonical)
        VALUES ((entry->>'id')::uuid, (entry->>'at')::timestamptz, entry->>'event', entry->>'subject_kind',
                entry->>'subject_id', entry->>'actor_kind', entry->>'actor_id', (entry->'facts') || told,
                convert_to(canonical, 'UTF8'));
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0011_find_places")]

    operations = [
        migrations.RunSQL(APPEND, reverse_sql="DROP FUNCTION grove_append(jsonb, jsonb);"),
    ]
