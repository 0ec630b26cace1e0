-- What the end of a run leaves on record. Security invoker, as everywhere. Plans are kept: what a run of one wave costs
-- would otherwise be for the most part the making of these.

-- What a finished run commits to: all its node executions, decisions and calls, in an order that anybody can repeat.
-- Only columns that outlive disposal go in. SHA-256 in hex; docs/ledger.md describes the lines.
CREATE OR REPLACE FUNCTION grove_run_digest(for_run uuid) RETURNS text LANGUAGE plpgsql STABLE
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN (
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
    );
END $$;

-- The same over what its calls carried and where they went: a line for each that left while the run was under way.
CREATE OR REPLACE FUNCTION grove_departures_digest(for_run uuid) RETURNS text LANGUAGE plpgsql STABLE
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN (
        SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
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
    );
END $$;

-- The entry of a run's end, after all its rows are as they stay.
CREATE OR REPLACE FUNCTION grove_record_end(for_run uuid, entry jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM grove_append(entry, jsonb_build_object(
        'digest', grove_run_digest(for_run), 'departures', grove_departures_digest(for_run)));
END $$;
