-- Settle tool calls: what came back, and that they are no longer in flight. Called by grove_checkpoint, like grove_settle_calls.
CREATE OR REPLACE FUNCTION grove_settle_tools(tools jsonb, payloads bytea[], alive uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c jsonb := tools->0;
    of_run uuid;
    settled integer := 0;
    stamps bigint := 0;
BEGIN
    IF jsonb_array_length(tools) > 1 THEN
        PERFORM FROM runs_toolcall t
            WHERE t.id IN (SELECT (v->>'id')::uuid FROM jsonb_array_elements(tools) AS a(v))
            ORDER BY t.id FOR NO KEY UPDATE;
    END IF;
    FOR i IN 1 .. jsonb_array_length(tools) LOOP
        UPDATE runs_toolcall t
            SET status = c->>'status', finished_at = (c->>'finished_at')::timestamptz,
                response_sealed = payloads[(c->>'payload')::integer], result_digest = coalesce(c->>'digest', ''),
                labels = nullif(c->'labels', 'null'),
                error_kind = coalesce(c->>'error_kind', ''), error_sentence = coalesce(c->>'error_sentence', '')
            WHERE t.id = (c->>'id')::uuid AND t.status = 'intended' AND (c->>'run')::uuid = ANY (alive);
        IF FOUND THEN
            of_run := (c->>'run')::uuid;
            settled := settled + 1;
            stamps := stamps # coalesce((c->>'stamp')::bigint, (random() * 9e18)::bigint);
        END IF;
        c := tools->i;
        IF settled > 0 AND (c->>'run')::uuid IS DISTINCT FROM of_run THEN
            UPDATE runs_runfacts f SET in_flight = f.in_flight - settled, stamp = f.stamp # stamps
                WHERE f.root_run_id = (SELECT coalesce(r.root_run_id, r.id) FROM runs_run r WHERE r.id = of_run);
            settled := 0;
            stamps := 0;
        END IF;
    END LOOP;
END $$;
