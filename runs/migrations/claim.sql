-- Give runs that wait to a worker, oldest first; of a tenant with a limit, as many as it has places left.
--   1. which tenants have runs waiting: one step along the index for each, whatever waits in between
--   2. of each, the oldest; a limit is read under a lock, so that two workers do not give the same place away
--   3. take what nobody else took meanwhile
CREATE OR REPLACE FUNCTION grove_claim(for_worker uuid, at_most integer)
    RETURNS TABLE (run uuid, tenant uuid, new_token integer, workers_lost smallint) LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off AS $$
DECLARE
    waiting record;
    places integer;
    candidates uuid[] := '{}';
BEGIN
    FOR waiting IN
        WITH RECURSIVE step AS (
            (SELECT c.tenant_id FROM runs_runclaim c WHERE c.wanted AND c.worker_id IS NULL
                ORDER BY c.tenant_id LIMIT 1)
            UNION ALL
            SELECT (SELECT c.tenant_id FROM runs_runclaim c
                    WHERE c.wanted AND c.worker_id IS NULL AND c.tenant_id > step.tenant_id
                    ORDER BY c.tenant_id LIMIT 1)
                FROM step WHERE step.tenant_id IS NOT NULL
        )
        SELECT t.id, t.concurrent_runs FROM step JOIN tenancy_tenant t ON t.id = step.tenant_id
            WHERE t.status = 'active' ORDER BY t.id
    LOOP
        places := 4 * at_most;  -- more than are wanted: other workers may be taking the first of them
        IF waiting.concurrent_runs IS NOT NULL THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('grove places ' || waiting.id, 0));
            SELECT waiting.concurrent_runs - count(*) INTO places
                FROM runs_runclaim c WHERE c.tenant_id = waiting.id AND c.worker_id IS NOT NULL AND NOT c.rests;
        END IF;
        candidates := candidates || ARRAY(
            SELECT c.run_id FROM runs_runclaim c
                WHERE c.tenant_id = waiting.id AND c.wanted AND c.worker_id IS NULL
                    AND (c.not_before IS NULL OR c.not_before <= clock_timestamp())
                ORDER BY c.run_id LIMIT greatest(places, 0));
    END LOOP;
    RETURN QUERY
        UPDATE runs_runclaim c
            SET worker_id = for_worker, token = c.token + 1, signalled = false, rests = false, heartbeat_at = clock_timestamp()
            WHERE c.run_id IN (
                SELECT f.run_id FROM runs_runclaim f
                    WHERE f.run_id = ANY (candidates) AND f.wanted AND f.worker_id IS NULL
                    ORDER BY f.run_id LIMIT at_most FOR UPDATE SKIP LOCKED)
            RETURNING c.run_id, c.tenant_id, c.token, c.losses;
END $$;
