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

-- What a finished run commits to, now with its tool calls. A run without any has the digest that it always had.
CREATE OR REPLACE FUNCTION grove_run_digest(for_run uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(string_agg(line, E'\n' ORDER BY line COLLATE "C"), 'UTF8')), 'hex') FROM (
        SELECT concat_ws('|', 'node', node_id, attempt, status, output_commitment, branch, error_code) AS line
            FROM runs_nodeexecution WHERE run_id = for_run
        UNION ALL
        SELECT concat_ws('|', 'decision', id, node_id, attempt, verdict, action_digest, snapshot_id)
            FROM runs_decision WHERE run_id = for_run
        UNION ALL
        SELECT concat_ws('|', 'call', m.id, m.node_id, m.attempt, m.status, m.deployment_id, m.model_answered,
                         m.tokens_in, m.tokens_out, m.cost_micros)
            FROM runs_modelcall m JOIN runs_run r ON r.id = m.run_id
            WHERE m.run_id = for_run AND m.finished_at <= r.finished_at  -- what came late is not part of it
        UNION ALL
        SELECT concat_ws('|', 'tool', t.id, t.node_id, t.attempt, t.status, t.tool, t.destination, t.effect,
                         t.request_digest, t.result_digest, t.error_kind)
            FROM runs_toolcall t JOIN runs_run r ON r.id = t.run_id
            WHERE t.run_id = for_run AND t.finished_at <= r.finished_at
        UNION ALL
        SELECT concat_ws('|', 'run', id, manifest_digest, input_commitment, output_commitment)
            FROM runs_run WHERE id = for_run
    ) AS lines
$$;
