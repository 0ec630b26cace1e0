-- Budgets are held here: between the check and the reservation nobody comes in between, for the counters are locked.
-- Security invoker: row-level security holds in here as anywhere else, so each table shows the current tenant's rows.

-- The beginning of the day or the month around a moment, UTC; for a budget without end a moment before all others.
CREATE OR REPLACE FUNCTION grove_period_start(period text, at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE period WHEN 'total' THEN timestamptz '2000-01-01 00:00+00' ELSE date_trunc(period, at, 'UTC') END
$$;

-- The highest threshold that is reached, in percent. Whoever was refused has met the end, whatever was returned since.
CREATE OR REPLACE FUNCTION grove_threshold(used bigint, refused integer, amount bigint) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT (CASE WHEN refused > 0 OR (used >= amount AND used > 0) THEN 100
                 WHEN used <= 0 THEN 0
                 WHEN used >= ceil(amount * 0.8) THEN 80
                 WHEN used >= ceil(amount * 0.5) THEN 50
                 ELSE 0 END)::smallint
$$;

-- Lock these counters in the order of their budgets, begin a new period where one has come, and add up what was settled.
-- What was settled before the period began counts in the one that has passed; reservations are carried over.
CREATE OR REPLACE FUNCTION grove_fold_budgets(budget_ids uuid[]) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found integer;
    at timestamptz;
BEGIN
    PERFORM FROM workflows_budgetcounter WHERE budget_id = ANY (budget_ids) ORDER BY budget_id FOR UPDATE;
    GET DIAGNOSTICS found = ROW_COUNT;
    at := clock_timestamp();
    WITH begun AS (
        SELECT c.id, c.budget_id, greatest(c.since, grove_period_start(b.period, at)) AS since
            FROM workflows_budgetcounter c JOIN workflows_budget b ON b.id = c.budget_id
            WHERE c.budget_id = ANY (budget_ids)
    ), gone AS (
        DELETE FROM workflows_budgetsettlement s WHERE s.budget_id = ANY (budget_ids)
            RETURNING s.budget_id, s.released, s.spent, s.at
    ), sums AS (
        SELECT g.budget_id, sum(g.released) AS released, sum(g.spent) FILTER (WHERE g.at >= n.since) AS spent
            FROM gone g JOIN begun n ON n.budget_id = g.budget_id GROUP BY 1
    )
    UPDATE workflows_budgetcounter c
        SET since = n.since,
            used = CASE WHEN c.since < n.since THEN 0 ELSE c.used END + coalesce(s.spent, 0),
            reserved = greatest(0, c.reserved - coalesce(s.released, 0)),
            refused = CASE WHEN c.since < n.since THEN 0 ELSE c.refused END,
            alerted = CASE WHEN c.since < n.since THEN 0 ELSE c.alerted END
        FROM begun n LEFT JOIN sums s ON s.budget_id = n.budget_id
        WHERE c.id = n.id AND (s.budget_id IS NOT NULL OR c.since < n.since);
    RETURN found;
END $$;

-- Reserve in all of these budgets or in none: null when it is done, else the first budget that would be passed.
-- A budget without a hard stop is counted and stops nothing. The counters stay locked until the caller's commit, and are
-- locked in the order of their budgets. What was settled meanwhile only gives room, unless more was spent than reserved:
-- it is added up where the room is not enough without it, so a call that fits costs no more than the reservation, which
-- is taken back where there is doubt.
CREATE OR REPLACE FUNCTION grove_reserve(budget_ids uuid[], micros bigint, tokens bigint) RETURNS uuid
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    one uuid;
    in_doubt boolean := false;
    in_the_way uuid;
BEGIN
    IF coalesce(cardinality(budget_ids), 0) = 0 THEN
        RETURN NULL;
    END IF;
    IF micros < 0 OR tokens < 0 THEN
        RAISE EXCEPTION 'a reservation is not negative' USING ERRCODE = 'check_violation';
    END IF;
    FOR i IN 2 .. cardinality(budget_ids) LOOP
        IF budget_ids[i] <= budget_ids[i - 1] THEN
            budget_ids := ARRAY(SELECT DISTINCT id FROM unnest(budget_ids) AS id ORDER BY id);
            EXIT;
        END IF;
    END LOOP;
    FOREACH one IN ARRAY budget_ids LOOP
        UPDATE workflows_budgetcounter c
            SET reserved = c.reserved + CASE b.unit WHEN 'tokens' THEN tokens ELSE micros END
            FROM workflows_budget b WHERE b.id = c.budget_id AND c.budget_id = one
            RETURNING in_doubt OR b.hard_stop AND b.enabled AND c.used + c.reserved > b.amount
                      OR c.since < grove_period_start(b.period, clock_timestamp()) INTO in_doubt;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'one of these budgets does not exist' USING ERRCODE = 'foreign_key_violation';
        END IF;
    END LOOP;
    IF NOT in_doubt THEN
        PERFORM FROM workflows_budgetsettlement WHERE budget_id = ANY (budget_ids) AND spent > released LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    UPDATE workflows_budgetcounter c
        SET reserved = c.reserved - CASE b.unit WHEN 'tokens' THEN tokens ELSE micros END
        FROM workflows_budget b WHERE b.id = c.budget_id AND c.budget_id = ANY (budget_ids);
    PERFORM grove_fold_budgets(budget_ids);
    SELECT b.id INTO in_the_way
        FROM workflows_budgetcounter c JOIN workflows_budget b ON b.id = c.budget_id
        WHERE c.budget_id = ANY (budget_ids) AND b.hard_stop AND b.enabled
            AND c.used + c.reserved + CASE b.unit WHEN 'tokens' THEN tokens ELSE micros END > b.amount
        ORDER BY b.id LIMIT 1;
    IF in_the_way IS NOT NULL THEN
        UPDATE workflows_budgetcounter SET refused = refused + 1 WHERE budget_id = in_the_way;
        RETURN in_the_way;
    END IF;
    UPDATE workflows_budgetcounter c
        SET reserved = c.reserved + CASE b.unit WHEN 'tokens' THEN tokens ELSE micros END
        FROM workflows_budget b WHERE b.id = c.budget_id AND c.budget_id = ANY (budget_ids);
    RETURN NULL;
END $$;

-- Give back what was reserved and count what was spent, in the caller's transaction. Waits for nobody and locks no
-- counter: in whatever order calls are settled, two commits cannot wait for each other. Returns of how many budgets.
DROP FUNCTION IF EXISTS grove_settle(uuid[], bigint, bigint, bigint, bigint);
CREATE FUNCTION grove_settle(budget_ids uuid[], reserved_micros bigint, spent_micros bigint,
                             reserved_tokens bigint, spent_tokens bigint) RETURNS integer
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    settled integer;
BEGIN
    INSERT INTO workflows_budgetsettlement (id, budget_id, released, spent, at)
        SELECT gen_random_uuid(), b.id,
               CASE b.unit WHEN 'tokens' THEN reserved_tokens ELSE reserved_micros END,
               CASE b.unit WHEN 'tokens' THEN spent_tokens ELSE spent_micros END,
               clock_timestamp()
            FROM workflows_budget b WHERE b.id = ANY (budget_ids);
    GET DIAGNOSTICS settled = ROW_COUNT;
    RETURN settled;
END $$;

-- The budgets that have reached a threshold of which nobody was told. Their counters are locked until the commit, so
-- that whoever tells of it does so alone, and marks it.
CREATE OR REPLACE FUNCTION grove_budgets_to_tell() RETURNS TABLE (budget_id uuid, told smallint, reached smallint)
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    moved uuid[];
BEGIN
    moved := array(SELECT DISTINCT s.budget_id FROM workflows_budgetsettlement s);
    IF moved <> '{}' THEN
        PERFORM grove_fold_budgets(moved);
    END IF;
    RETURN QUERY
        SELECT c.budget_id, c.alerted::smallint, grove_threshold(c.used, c.refused, b.amount)
            FROM workflows_budgetcounter c JOIN workflows_budget b ON b.id = c.budget_id
            WHERE b.enabled AND grove_threshold(c.used, c.refused, b.amount) > c.alerted
            ORDER BY c.budget_id FOR UPDATE OF c;
END $$;
