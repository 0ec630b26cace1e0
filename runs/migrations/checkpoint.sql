-- The hot path of the executor: whatever a wave changes is written by ONE statement, so by one commit.
-- Security invoker: row-level security holds in here as anywhere else.

-- Number events of one run without a gap: the run's row is the counter, and its lock the order.
CREATE FUNCTION grove_emit(for_run uuid, events jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    last integer;
BEGIN
    UPDATE runs_run SET event_seq = event_seq + jsonb_array_length(events)
        WHERE id = for_run RETURNING event_seq INTO last;
    IF last IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO runs_runevent (id, run_id, seq, name, node_id, body, at)
        SELECT e.id, for_run, last - jsonb_array_length(events) + e.nth, e.name, e.node_id, e.body, e.at
        FROM (
            SELECT (v->>'id')::uuid AS id, nth, v->>'name' AS name, coalesce(v->>'node_id', '') AS node_id,
                   coalesce(v->'body', '{}') AS body, (v->>'at')::timestamptz AS at
            FROM jsonb_array_elements(events) WITH ORDINALITY AS t(v, nth)
        ) AS e;
    PERFORM pg_notify('grove_runs', for_run::text || ':' || last);
    RETURN last;
END $$;

-- Write a wave. `wave` holds arrays: runs, finished, started, calls, events; payloads are named by index.
-- Returns the runs whose claim still holds; nothing is written for the others.
CREATE FUNCTION grove_checkpoint(wave jsonb, payloads bytea[]) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    alive uuid[];
    each record;
BEGIN
    WITH held AS (
        UPDATE runs_runclaim c
            SET heartbeat_at = clock_timestamp(), losses = 0,
                wanted = NOT r.ends, worker_id = CASE WHEN r.ends THEN NULL ELSE c.worker_id END
            FROM jsonb_to_recordset(wave->'runs') AS r(id uuid, token integer, ends boolean)
            WHERE c.run_id = r.id AND c.token = r.token AND c.worker_id IS NOT NULL
            RETURNING c.run_id
    ) SELECT array_agg(run_id) INTO alive FROM held;
    IF alive IS NULL THEN
        RETURN '{}';
    END IF;

    IF jsonb_array_length(wave->'finished') > 0 THEN
        UPDATE runs_nodeexecution n
            SET status = f.status, finished_at = f.finished_at, output_sealed = payloads[f.payload],
                output_commitment = coalesce(f.commitment, ''), labels = f.labels,
                branch = coalesce(f.branch, ''), error_code = coalesce(f.error_code, ''),
                error_sentence = coalesce(f.error_sentence, ''), model = coalesce(f.model, ''),
                tokens_in = coalesce(f.tokens_in, 0), tokens_out = coalesce(f.tokens_out, 0),
                cost_micros = coalesce(f.cost_micros, 0)
            FROM jsonb_to_recordset(wave->'finished') AS f(
                id uuid, run uuid, status text, finished_at timestamptz, payload integer, commitment text,
                labels jsonb, branch text, error_code text, error_sentence text, model text,
                tokens_in bigint, tokens_out bigint, cost_micros bigint)
            WHERE n.id = f.id AND n.status = 'running' AND f.run = ANY (alive);
    END IF;

    IF jsonb_array_length(wave->'started') > 0 THEN
        INSERT INTO runs_nodeexecution (
                id, run_id, node_id, kind, attempt, status, started_at, finished_at, worker, claim_token,
                skipped_because, output_commitment, branch, error_code, error_sentence, model,
                tokens_in, tokens_out, cost_micros)
            SELECT s.id, s.run, s.node_id, s.kind, s.attempt, s.status, s.started_at, s.finished_at,
                   s.worker, s.token, s.skipped_because, '', '', '', '', '', 0, 0, 0
            FROM jsonb_to_recordset(wave->'started') AS s(
                id uuid, run uuid, node_id text, kind text, attempt smallint, status text,
                started_at timestamptz, finished_at timestamptz, worker text, token integer,
                skipped_because jsonb)
            WHERE s.run = ANY (alive);
    END IF;

    IF jsonb_array_length(wave->'calls') > 0 THEN
        PERFORM grove_settle(wave->'calls', payloads, alive);
    END IF;

    FOR each IN
        SELECT r.* FROM jsonb_to_recordset(wave->'runs') AS r(
                id uuid, status text, started_at timestamptz, finished_at timestamptz, payload integer,
                commitment text, error_code text, error_sentence text, error_node text, done integer,
                tokens_in bigint, tokens_out bigint, cost_micros bigint, events jsonb)
            WHERE r.id = ANY (alive)
            ORDER BY r.id
    LOOP
        UPDATE runs_run
            SET status = each.status, started_at = coalesce(started_at, each.started_at),
                finished_at = each.finished_at, output_sealed = coalesce(payloads[each.payload], output_sealed),
                output_commitment = coalesce(each.commitment, output_commitment),
                error_code = coalesce(each.error_code, ''), error_sentence = coalesce(each.error_sentence, ''),
                error_node = coalesce(each.error_node, ''), nodes_done = each.done,
                tokens_in = tokens_in + coalesce(each.tokens_in, 0),
                tokens_out = tokens_out + coalesce(each.tokens_out, 0),
                cost_micros = cost_micros + coalesce(each.cost_micros, 0)
            WHERE id = each.id AND status IN ('queued', 'running', 'waiting');
        IF coalesce(jsonb_array_length(each.events), 0) > 0 THEN
            PERFORM grove_emit(each.id, each.events);
        END IF;
    END LOOP;
    RETURN alive;
END $$;

-- Settle model calls: what the provider answered, and the budget that was reserved for it.
CREATE FUNCTION grove_settle(calls jsonb, payloads bytea[], alive uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH settled AS (
        UPDATE runs_modelcall m
            SET status = c.status, finished_at = c.finished_at, response_sealed = payloads[c.payload],
                model_answered = coalesce(c.model, ''), tokens_in = coalesce(c.tokens_in, 0),
                tokens_out = coalesce(c.tokens_out, 0), cost_micros = coalesce(c.cost_micros, 0),
                error_kind = coalesce(c.error_kind, ''), error_sentence = coalesce(c.error_sentence, '')
            FROM jsonb_to_recordset(calls) AS c(
                id uuid, run uuid, status text, finished_at timestamptz, payload integer, model text,
                tokens_in bigint, tokens_out bigint, cost_micros bigint, error_kind text, error_sentence text)
            WHERE m.id = c.id AND m.status = 'intended' AND c.run = ANY (alive)
            RETURNING m.run_id, m.reserved_micros, m.cost_micros
    ), sums AS (
        SELECT coalesce(r.root_run_id, r.id) AS root, sum(s.reserved_micros) AS reserved,
               sum(s.cost_micros) AS cost, count(*) AS settled
            FROM settled s JOIN runs_run r ON r.id = s.run_id GROUP BY 1
    )
    UPDATE runs_runfacts f
        SET reserved_micros = f.reserved_micros - sums.reserved, spent_micros = f.spent_micros + sums.cost,
            in_flight = f.in_flight - sums.settled
        FROM sums WHERE f.root_run_id = sums.root;
END $$;

-- What a finished run commits to: all its node executions, decisions and calls, in an order that anybody can repeat.
-- Only columns that outlive disposal go in.
CREATE FUNCTION grove_run_digest(for_run uuid) RETURNS text LANGUAGE sql STABLE AS $$
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
        SELECT concat_ws('|', 'run', id, manifest_digest, input_commitment, output_commitment)
            FROM runs_run WHERE id = for_run
    ) AS lines
$$;
