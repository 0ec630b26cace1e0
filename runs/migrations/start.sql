-- Quotas are held here, where runs are started and where money is reserved.
-- Security invoker: row-level security holds in here as anywhere else, so each table shows the current tenant's rows.

-- The quota that one more run would overstep at this moment; null while there is room. Being volatile it reads what has
-- been committed by now, so the answer is exact under the lock that grove_take_place holds. It counts no further than
-- a limit, along a partial index, and adds up rows of hours: its cost does not grow with the number of runs.
CREATE OR REPLACE FUNCTION grove_quota_in_the_way(at timestamptz) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    quota tenancy_quota;
    taken bigint;
    since timestamptz;
BEGIN
    SELECT * INTO quota FROM tenancy_quota ORDER BY number DESC LIMIT 1;
    IF quota.concurrent_runs IS NOT NULL AND quota.when_full = 'refuse' THEN
        SELECT count(*) INTO taken FROM (
            SELECT FROM runs_run WHERE status IN ('queued', 'running') AND parent_run_id IS NULL
            LIMIT quota.concurrent_runs) AS under_way;
        IF taken >= quota.concurrent_runs THEN
            RETURN jsonb_build_object('quota', 'concurrent_runs', 'used', taken, 'limit', quota.concurrent_runs);
        END IF;
    END IF;
    IF quota.runs_per_hour IS NOT NULL THEN
        since := date_trunc('hour', at, 'UTC');
        SELECT coalesce(sum(used), 0) INTO taken FROM tenancy_quotause WHERE unit = 'run' AND hour = since;
        IF taken >= quota.runs_per_hour THEN
            RETURN jsonb_build_object('quota', 'runs_per_hour', 'used', taken, 'limit', quota.runs_per_hour,
                                      'period', 'hour');
        END IF;
    END IF;
    IF quota.money_micros IS NOT NULL THEN
        since := date_trunc(quota.money_period, at, 'UTC');
        SELECT coalesce(sum(used), 0) INTO taken FROM tenancy_quotause
            WHERE unit = quota.money_currency AND hour >= since;
        IF taken >= quota.money_micros THEN
            RETURN jsonb_build_object('quota', 'money', 'used', taken, 'limit', quota.money_micros,
                                      'period', quota.money_period, 'currency', quota.money_currency);
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- Take a place for one more run, or say which quota is in the way. Of any number at once exactly as many get a place as
-- there are: where there is a quota, they come one after the other, each until its commit.
CREATE OR REPLACE FUNCTION grove_take_place(at timestamptz) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    refusal jsonb;
BEGIN
    IF EXISTS (SELECT FROM tenancy_quota) THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('grove quota ' || current_setting('app.tenant_id'), 0));
        refusal := grove_quota_in_the_way(at);
    END IF;
    IF refusal IS NULL THEN
        PERFORM grove_use('run', at, 1);
    END IF;
    RETURN refusal;
END $$;

CREATE OR REPLACE FUNCTION grove_use(of_unit text, at timestamptz, amount bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO tenancy_quotause (id, unit, hour, used)
        VALUES (gen_random_uuid(), of_unit, date_trunc('hour', at, 'UTC'), amount)
        ON CONFLICT (tenant_id, unit, hour) DO UPDATE SET used = tenancy_quotause.used + excluded.used;
END $$;

-- What runs reserve and spend, whoever writes it. At the commit, so that the hour's row is held for an instant only, and
-- after every other lock: two commits cannot wait for each other.
CREATE OR REPLACE FUNCTION grove_count_money() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint := NEW.spent_micros + NEW.reserved_micros - OLD.spent_micros - OLD.reserved_micros;
BEGIN
    UPDATE tenancy_quotause q SET used = q.used + change
        FROM runs_run r
        WHERE r.id = NEW.root_run_id AND q.unit = r.currency
            AND q.hour = date_trunc('hour', clock_timestamp(), 'UTC');
    IF NOT FOUND THEN  -- the first of its hour
        PERFORM grove_use((SELECT currency FROM runs_run WHERE id = NEW.root_run_id), clock_timestamp(), change);
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS count_money ON runs_runfacts;
CREATE CONSTRAINT TRIGGER count_money AFTER UPDATE ON runs_runfacts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.spent_micros + NEW.reserved_micros <> OLD.spent_micros + OLD.reserved_micros)
    EXECUTE FUNCTION grove_count_money();
