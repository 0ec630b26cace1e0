"""The quota of money counts calls outside runs (tests and probes), too, as it counts runs: at the commit.

The trigger locks the table of such calls for an instant, and nothing else. What was called before it is not added:
these calls have been kept for no longer than this release.
"""

from django.db import migrations

COUNT_TRIALS = """
-- What a call outside runs holds: while it goes on what was reserved for it, and after that what it cost.
CREATE FUNCTION grove_held_by_trial(call workflows_trialcall) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN call.status = 'running' THEN call.reserved_micros ELSE call.cost_micros END
$$;

-- At the commit and after every other lock, for the reason that grove_count_money gives.
CREATE FUNCTION grove_count_trial() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint := grove_held_by_trial(NEW);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        change := change - grove_held_by_trial(OLD);
    END IF;
    IF change <> 0 THEN
        PERFORM grove_use(NEW.currency, clock_timestamp(), change);
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER count_trial AFTER INSERT OR UPDATE ON workflows_trialcall
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.currency <> '') EXECUTE FUNCTION grove_count_trial();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0023_refer_to_tenants_once"),
        ("workflows", "0016_keep_trials"),
    ]

    operations = [
        migrations.RunSQL(
            COUNT_TRIALS,
            reverse_sql="DROP TRIGGER count_trial ON workflows_trialcall; DROP FUNCTION grove_count_trial();"
            "DROP FUNCTION grove_held_by_trial(workflows_trialcall);",
        ),
    ]
