-- The hot path of the executor: whatever a wave changes is written by ONE statement, so by one commit.
-- Security invoker: row-level security holds in here as anywhere else. Plans are kept: to make those of a wave anew each
-- time takes as long as to carry them out, and each finds its rows by their ids whatever the tables hold.

-- Number events of one run without a gap: the run's row is the counter, and its lock the order.
CREATE OR REPLACE FUNCTION grove_emit(for_run uuid, events jsonb) RETURNS integer LANGUAGE plpgsql AS $$
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

-- Write a wave. `wave` holds arrays: runs (each with its events), finished, moved, started, calls; payloads are named
-- by index. Returns the runs whose claim still holds; nothing is written for the others.
--   started   new node executions, in whatever state they reached within this wave
--   finished  executions of earlier waves that came to an end
--   moved     executions that begin to wait, or go on after waiting
--   facts_of  roots of trees for which intents follow in the same transaction, by grove_ride: see intend.sql
CREATE OR REPLACE FUNCTION grove_checkpoint(wave jsonb, payloads bytea[]) RETURNS uuid[] LANGUAGE plpgsql
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    alive uuid[];
    written_runs integer;
BEGIN
    PERFORM FROM runs_runclaim c  -- in the order in which all lock them
        WHERE c.run_id IN (SELECT (v->>'id')::uuid FROM jsonb_array_elements(wave->'runs') AS t(v))
        ORDER BY c.run_id FOR UPDATE;
    WITH held AS (
        UPDATE runs_runclaim c
            SET heartbeat_at = clock_timestamp(), losses = 0,
                wanted = NOT r.ends AND (NOT r.parks OR c.signalled OR r.due_at IS NOT NULL),
                worker_id = CASE WHEN r.ends OR r.parks THEN NULL ELSE c.worker_id END,
                not_before = CASE WHEN r.parks AND NOT c.signalled THEN r.due_at END,
                rests = r.status = 'waiting'
            FROM jsonb_to_recordset(wave->'runs') AS r(
                id uuid, token integer, status text, ends boolean, parks boolean, due_at timestamptz)
            WHERE c.run_id = r.id AND c.token = r.token AND c.worker_id IS NOT NULL
            RETURNING c.run_id
    ) SELECT array_agg(run_id) INTO alive FROM held;
    IF alive IS NULL THEN
        RETURN '{}';
    END IF;

    IF wave ? 'finished' THEN
        UPDATE runs_nodeexecution n
            SET status = f.status, finished_at = f.finished_at, output_sealed = payloads[f.payload],
                output_commitment = coalesce(f.commitment, ''), labels = f.labels,
                branch = coalesce(f.branch, ''), error_code = coalesce(f.error_code, ''),
                error_sentence = coalesce(f.error_sentence, ''), model = coalesce(f.model, ''),
                tokens_in = n.tokens_in + coalesce(f.tokens_in, 0),
                tokens_out = n.tokens_out + coalesce(f.tokens_out, 0),
                cost_micros = n.cost_micros + coalesce(f.cost_micros, 0), waits_for = NULL, due_at = NULL
            FROM jsonb_to_recordset(wave->'finished') AS f(
                id uuid, run uuid, status text, finished_at timestamptz, payload integer, commitment text,
                labels jsonb, branch text, error_code text, error_sentence text, model text,
                tokens_in bigint, tokens_out bigint, cost_micros bigint)
            WHERE n.id = f.id AND n.status IN ('running', 'waiting') AND f.run = ANY (alive);
    END IF;

    IF wave ? 'moved' THEN
        UPDATE runs_nodeexecution n
            SET status = m.status, waits_for = m.waits_for, due_at = m.due_at,
                started_at = coalesce(m.started_at, n.started_at), worker = m.worker, claim_token = m.token,
                model = coalesce(m.model, n.model), tokens_in = n.tokens_in + coalesce(m.tokens_in, 0),
                tokens_out = n.tokens_out + coalesce(m.tokens_out, 0),
                cost_micros = n.cost_micros + coalesce(m.cost_micros, 0)
            FROM jsonb_to_recordset(wave->'moved') AS m(
                id uuid, run uuid, status text, waits_for jsonb, due_at timestamptz, started_at timestamptz,
                worker text, token integer, model text, tokens_in bigint, tokens_out bigint, cost_micros bigint)
            WHERE n.id = m.id AND n.status IN ('running', 'waiting') AND m.run = ANY (alive);
    END IF;

    IF wave ? 'started' THEN
        INSERT INTO runs_nodeexecution (
                id, run_id, node_id, kind, attempt, status, started_at, finished_at, worker, claim_token,
                skipped_because, waits_for, due_at, output_sealed, output_commitment, labels, branch,
                error_code, error_sentence, model, tokens_in, tokens_out, cost_micros)
            SELECT s.id, s.run, s.node_id, s.kind, s.attempt, s.status, s.started_at, s.finished_at,
                   s.worker, s.token, s.skipped_because, s.waits_for, s.due_at, payloads[s.payload],
                   coalesce(s.commitment, ''), s.labels, coalesce(s.branch, ''), coalesce(s.error_code, ''),
                   coalesce(s.error_sentence, ''), coalesce(s.model, ''), coalesce(s.tokens_in, 0),
                   coalesce(s.tokens_out, 0), coalesce(s.cost_micros, 0)
            FROM jsonb_to_recordset(wave->'started') AS s(
                id uuid, run uuid, node_id text, kind text, attempt smallint, status text,
                started_at timestamptz, finished_at timestamptz, worker text, token integer,
                skipped_because jsonb, waits_for jsonb, due_at timestamptz, payload integer, commitment text,
                labels jsonb, branch text, error_code text, error_sentence text, model text,
                tokens_in bigint, tokens_out bigint, cost_micros bigint)
            WHERE s.run = ANY (alive);
    END IF;

    IF wave ? 'calls' THEN
        PERFORM grove_settle_calls(wave->'calls', payloads, alive);
    END IF;
    IF wave ? 'tools' THEN
        PERFORM grove_settle_tools(wave->'tools', payloads, alive);  -- see tool_calls.sql
    END IF;
    IF wave ? 'facts_of' THEN  -- here: whoever settles late locks the facts before the run, too
        PERFORM FROM runs_runfacts WHERE root_run_id IN (
            SELECT v::uuid FROM jsonb_array_elements_text(wave->'facts_of') AS t(v)
        ) ORDER BY root_run_id FOR UPDATE;
    END IF;

    WITH brought AS (
        SELECT * FROM jsonb_to_recordset(wave->'runs') AS r(
            id uuid, status text, started_at timestamptz, finished_at timestamptz, payload integer,
            commitment text, error_code text, error_sentence text, error_node text, done integer,
            response integer, response_node text, response_at timestamptz,
            tokens_in bigint, tokens_out bigint, cost_micros bigint, events jsonb)
        WHERE r.id = ANY (alive)
    ), moved AS (
        UPDATE runs_run r
            SET status = b.status, started_at = coalesce(r.started_at, b.started_at),
                finished_at = b.finished_at, output_sealed = coalesce(payloads[b.payload], r.output_sealed),
                output_commitment = coalesce(b.commitment, r.output_commitment),
                response_sealed = coalesce(r.response_sealed, payloads[b.response]),
                response_node = CASE WHEN r.response_at IS NULL THEN coalesce(b.response_node, '') ELSE r.response_node END,
                response_at = coalesce(r.response_at, b.response_at),
                error_code = coalesce(b.error_code, ''), error_sentence = coalesce(b.error_sentence, ''),
                error_node = coalesce(b.error_node, ''), nodes_done = b.done,
                tokens_in = r.tokens_in + coalesce(b.tokens_in, 0),
                tokens_out = r.tokens_out + coalesce(b.tokens_out, 0),
                cost_micros = r.cost_micros + coalesce(b.cost_micros, 0),
                event_seq = r.event_seq + jsonb_array_length(b.events)
            FROM brought b
            WHERE r.id = b.id AND r.status IN ('queued', 'running', 'waiting')
            RETURNING r.id, r.event_seq AS last, b.events
    ), written AS (
        INSERT INTO runs_runevent (id, run_id, seq, name, node_id, body, at)
            SELECT (e.v->>'id')::uuid, m.id, m.last - jsonb_array_length(m.events) + e.nth, e.v->>'name',
                   coalesce(e.v->>'node_id', ''), coalesce(e.v->'body', '{}'), (e.v->>'at')::timestamptz
            FROM moved m, jsonb_array_elements(m.events) WITH ORDINALITY AS e(v, nth)
    )
    SELECT count(pg_notify('grove_runs', id::text || ':' || last)) FROM moved INTO STRICT written_runs;
    RETURN alive;
END $$;

-- Settle model calls: what the provider answered, and what was reserved for it. `stamp` is how whoever settles it here
-- knows the facts afterwards, too; without one nobody does. Of a call that was interrupted nobody knows what it cost:
-- what was reserved counts as spent, by its node and its run, too. (What was answered they learn from their own rows.)
CREATE OR REPLACE FUNCTION grove_settle_calls(calls jsonb, payloads bytea[], alive uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH brought AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(calls) AS c(
            id uuid, run uuid, status text, finished_at timestamptz, payload integer, model text,
            tokens_in bigint, tokens_out bigint, cost_micros bigint, error_kind text, error_sentence text,
            stamp bigint)
    ), settled AS (
        UPDATE runs_modelcall m
            SET status = c.status, finished_at = c.finished_at, response_sealed = payloads[c.payload],
                model_answered = coalesce(c.model, ''), tokens_in = coalesce(c.tokens_in, 0),
                tokens_out = coalesce(c.tokens_out, 0), cost_micros = coalesce(c.cost_micros, 0),
                error_kind = coalesce(c.error_kind, ''), error_sentence = coalesce(c.error_sentence, '')
            FROM brought c
            WHERE m.id = c.id AND m.status = 'intended' AND c.run = ANY (alive)
            RETURNING m.run_id, m.node_id, m.attempt, m.status, m.reserved_micros, m.cost_micros,
                      coalesce(c.stamp, (random() * 9e18)::bigint) AS stamp
    ), sums AS (
        SELECT coalesce(r.root_run_id, r.id) AS root, sum(s.reserved_micros) AS reserved,
               sum(s.cost_micros) AS cost, count(*) AS settled, bit_xor(s.stamp) AS stamps
            FROM settled s JOIN runs_run r ON r.id = s.run_id GROUP BY 1
    ), known AS (
        UPDATE runs_runfacts f
            SET reserved_micros = f.reserved_micros - sums.reserved, spent_micros = f.spent_micros + sums.cost,
                in_flight = f.in_flight - sums.settled, stamp = f.stamp # sums.stamps
            FROM sums WHERE f.root_run_id = sums.root
    ), unknown AS (
        SELECT run_id, node_id, attempt, sum(cost_micros) AS cost FROM settled
            WHERE status = 'interrupted' AND cost_micros > 0 GROUP BY 1, 2, 3
    ), of_nodes AS (
        UPDATE runs_nodeexecution n SET cost_micros = n.cost_micros + u.cost
            FROM unknown u WHERE n.run_id = u.run_id AND n.node_id = u.node_id AND n.attempt = u.attempt
    )
    UPDATE runs_run r SET cost_micros = r.cost_micros + u.cost
        FROM (SELECT run_id, sum(cost) AS cost FROM unknown GROUP BY 1) AS u WHERE r.id = u.run_id;
END $$;

-- What a finished run commits to: all its node executions, decisions and calls, in an order that anybody can repeat.
-- Only columns that outlive disposal go in. Migration 0006 replaces it by one with tool calls: see tool_calls.sql.
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
        SELECT concat_ws('|', 'run', id, manifest_digest, input_commitment, output_commitment)
            FROM runs_run WHERE id = for_run
    ) AS lines
$$;
