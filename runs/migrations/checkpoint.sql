-- The hot path of the executor: whatever a wave changes is written by ONE statement, so by one commit.
-- Security invoker: row-level security holds in here as anywhere else. Plans are kept: to make those of a wave anew each
-- time takes as long as to carry them out, and each finds its rows by their ids whatever the tables hold. So none may read
-- a whole table because that was small when the plan was made.

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

-- Write a wave. `wave` holds arrays: runs (each with its events and, at its end, its entry), finished, moved, started,
-- calls; payloads are named by index. Returns the runs whose claim still holds; nothing is written for the others.
--   started   new node executions, in whatever state they reached within this wave
--   finished  executions of earlier waves that came to an end
--   moved     executions that begin to wait, or go on after waiting
--   facts_of  roots of trees for which intents follow in the same transaction, by grove_ride: see intend.sql
-- A run that parks names the questions it `asks`. Whoever answers one locks the claim before and signals it after: so one
-- that has come by now is seen here, though the signal was taken by a worker that can do nothing with it any more.
-- Most waves bring one row or two of a kind: what is there already is found and changed one by one, by its id. A join
-- with what is brought would cost more than the change.
CREATE OR REPLACE FUNCTION grove_checkpoint(wave jsonb, payloads bytea[]) RETURNS uuid[] LANGUAGE plpgsql
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    runs jsonb := wave->'runs';
    alive uuid[] := '{}';
    many jsonb;  -- rows of one kind
    b jsonb;  -- what is brought
    settled integer := 0;
    last integer;
BEGIN
    IF jsonb_array_length(runs) > 1 THEN
        PERFORM FROM runs_runclaim c  -- in the order in which all lock them
            WHERE c.run_id IN (SELECT (v->>'id')::uuid FROM jsonb_array_elements(runs) AS t(v))
            ORDER BY c.run_id FOR UPDATE;
    END IF;
    FOR i IN 0 .. jsonb_array_length(runs) - 1 LOOP
        b := runs->i;
        UPDATE runs_runclaim c
            SET heartbeat_at = clock_timestamp(), losses = 0,
                wanted = NOT (b->>'ends')::boolean
                         AND (NOT (b->>'parks')::boolean OR c.signalled OR b->>'due_at' IS NOT NULL),
                worker_id = CASE WHEN (b->>'ends')::boolean OR (b->>'parks')::boolean THEN NULL ELSE c.worker_id END,
                not_before = CASE WHEN (b->>'parks')::boolean AND NOT c.signalled THEN (b->>'due_at')::timestamptz END,
                rests = b->>'status' = 'waiting'
            WHERE c.run_id = (b->>'id')::uuid AND c.token = (b->>'token')::integer AND c.worker_id IS NOT NULL;
        IF FOUND THEN
            alive := alive || (b->>'id')::uuid;
            IF (b->>'parks')::boolean AND EXISTS (
                SELECT FROM runs_wait w WHERE w.answered_at IS NOT NULL
                    AND w.id = ANY (translate(b->>'asks', '[]"', '{}')::uuid[])
            ) THEN
                UPDATE runs_runclaim SET wanted = true, not_before = NULL WHERE run_id = (b->>'id')::uuid;
            END IF;
        END IF;
    END LOOP;
    IF alive = '{}' THEN
        RETURN alive;
    END IF;

    IF wave ? 'finished' THEN
        many := wave->'finished';
        FOR i IN 0 .. jsonb_array_length(many) - 1 LOOP
            b := many->i;
            UPDATE runs_nodeexecution n
                SET status = b->>'status', finished_at = (b->>'finished_at')::timestamptz,
                    output_sealed = payloads[(b->>'payload')::integer],
                    output_commitment = coalesce(b->>'commitment', ''), labels = nullif(b->'labels', 'null'),
                    branch = coalesce(b->>'branch', ''), error_code = coalesce(b->>'error_code', ''),
                    error_sentence = coalesce(b->>'error_sentence', ''), model = coalesce(b->>'model', ''),
                    tokens_in = n.tokens_in + coalesce((b->>'tokens_in')::bigint, 0),
                    tokens_out = n.tokens_out + coalesce((b->>'tokens_out')::bigint, 0),
                    cost_micros = n.cost_micros + coalesce((b->>'cost_micros')::bigint, 0),
                    waits_for = NULL, due_at = NULL
                WHERE n.id = (b->>'id')::uuid AND n.status IN ('running', 'waiting')
                    AND (b->>'run')::uuid = ANY (alive);
        END LOOP;
    END IF;

    IF wave ? 'moved' THEN
        many := wave->'moved';
        FOR i IN 0 .. jsonb_array_length(many) - 1 LOOP
            b := many->i;
            UPDATE runs_nodeexecution n
                SET status = b->>'status', waits_for = nullif(b->'waits_for', 'null'),
                    due_at = (b->>'due_at')::timestamptz,
                    started_at = coalesce((b->>'started_at')::timestamptz, n.started_at), worker = b->>'worker',
                    claim_token = (b->>'token')::integer, model = coalesce(b->>'model', n.model),
                    tokens_in = n.tokens_in + coalesce((b->>'tokens_in')::bigint, 0),
                    tokens_out = n.tokens_out + coalesce((b->>'tokens_out')::bigint, 0),
                    cost_micros = n.cost_micros + coalesce((b->>'cost_micros')::bigint, 0)
                WHERE n.id = (b->>'id')::uuid AND n.status IN ('running', 'waiting')
                    AND (b->>'run')::uuid = ANY (alive);
        END LOOP;
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
        settled := grove_settle_calls(wave->'calls', payloads, alive);
    END IF;
    IF wave ? 'tools' THEN
        PERFORM grove_settle_tools(wave->'tools', payloads, alive);  -- see tool_calls.sql
    END IF;
    -- Here: whoever settles late locks the facts before the run, too. Where the only run settled a call, they are.
    IF wave ? 'facts_of' AND (settled = 0 OR jsonb_array_length(runs) > 1) THEN
        PERFORM FROM runs_runfacts WHERE root_run_id = ANY (translate(wave->>'facts_of', '[]"', '{}')::uuid[])
            ORDER BY root_run_id FOR UPDATE;
    END IF;

    FOR i IN 0 .. jsonb_array_length(runs) - 1 LOOP
        b := runs->i;
        UPDATE runs_run r
            SET status = b->>'status', started_at = coalesce(r.started_at, (b->>'started_at')::timestamptz),
                finished_at = (b->>'finished_at')::timestamptz,
                output_sealed = coalesce(payloads[(b->>'payload')::integer], r.output_sealed),
                output_commitment = coalesce(b->>'commitment', r.output_commitment),
                response_sealed = coalesce(r.response_sealed, payloads[(b->>'response')::integer]),
                response_node = CASE WHEN r.response_at IS NULL THEN coalesce(b->>'response_node', '') ELSE r.response_node END,
                response_at = coalesce(r.response_at, (b->>'response_at')::timestamptz),
                error_code = coalesce(b->>'error_code', ''), error_sentence = coalesce(b->>'error_sentence', ''),
                error_node = coalesce(b->>'error_node', ''), nodes_done = (b->>'done')::integer,
                tokens_in = r.tokens_in + coalesce((b->>'tokens_in')::bigint, 0),
                tokens_out = r.tokens_out + coalesce((b->>'tokens_out')::bigint, 0),
                cost_micros = r.cost_micros + coalesce((b->>'cost_micros')::bigint, 0),
                event_seq = r.event_seq + jsonb_array_length(b->'events')
            WHERE r.id = (b->>'id')::uuid AND r.status IN ('queued', 'running', 'waiting') AND r.id = ANY (alive)
            RETURNING r.event_seq INTO last;
        CONTINUE WHEN NOT FOUND;
        INSERT INTO runs_runevent (id, run_id, seq, name, node_id, body, at)
            SELECT (v->>'id')::uuid, (b->>'id')::uuid, last - jsonb_array_length(b->'events') + nth, v->>'name',
                   coalesce(v->>'node_id', ''), coalesce(v->'body', '{}'), (v->>'at')::timestamptz
            FROM jsonb_array_elements(b->'events') WITH ORDINALITY AS t(v, nth);
        PERFORM pg_notify('grove_runs', (b->>'id') || ':' || last);
        IF b->>'entry' IS NOT NULL THEN
            PERFORM grove_record_end((b->>'id')::uuid, b->'entry');  -- see end.sql
        END IF;
    END LOOP;
    RETURN alive;
END $$;

-- Settle model calls: what the provider answered, and what was reserved for it. `stamp` is how whoever settles it here
-- knows the facts afterwards, too; without one nobody does. Of a call that was interrupted nobody knows what it cost:
-- what was reserved counts as spent, by its node and its run, too. (What was answered they learn from their own rows.)
-- Calls of one run stand together; all of them are locked before any facts, and those before a run. Returns the number of
-- runs whose trees have other facts now.
DROP FUNCTION IF EXISTS grove_settle_calls(jsonb, bytea[], uuid[]);
CREATE FUNCTION grove_settle_calls(calls jsonb, payloads bytea[], alive uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    c jsonb := calls->0;
    its_run uuid;  -- of the call that has just been settled
    its_reserved bigint;
    its_cost bigint;
    of_run uuid;  -- of the sums
    reserved bigint := 0;
    cost bigint := 0;
    settled integer := 0;
    stamps bigint := 0;
    unknown uuid[];
    runs integer := 0;
BEGIN
    IF jsonb_array_length(calls) > 1 THEN
        PERFORM FROM runs_modelcall m
            WHERE m.id IN (SELECT (v->>'id')::uuid FROM jsonb_array_elements(calls) AS t(v))
            ORDER BY m.id FOR NO KEY UPDATE;
    END IF;
    FOR i IN 1 .. jsonb_array_length(calls) LOOP
        UPDATE runs_modelcall m
            SET status = c->>'status', finished_at = (c->>'finished_at')::timestamptz,
                response_sealed = payloads[(c->>'payload')::integer], model_answered = coalesce(c->>'model', ''),
                tokens_in = coalesce((c->>'tokens_in')::bigint, 0), tokens_out = coalesce((c->>'tokens_out')::bigint, 0),
                cost_micros = coalesce((c->>'cost_micros')::bigint, 0),
                error_kind = coalesce(c->>'error_kind', ''), error_sentence = coalesce(c->>'error_sentence', '')
            WHERE m.id = (c->>'id')::uuid AND m.status = 'intended' AND (c->>'run')::uuid = ANY (alive)
            RETURNING m.run_id, m.reserved_micros, m.cost_micros INTO its_run, its_reserved, its_cost;
        IF FOUND THEN
            of_run := its_run;
            reserved := reserved + its_reserved;
            cost := cost + its_cost;
            settled := settled + 1;
            stamps := stamps # coalesce((c->>'stamp')::bigint, (random() * 9e18)::bigint);
            IF c->>'status' = 'interrupted' AND its_cost > 0 THEN
                unknown := unknown || (c->>'id')::uuid;
            END IF;
        END IF;
        c := calls->i;
        IF settled > 0 AND (c->>'run')::uuid IS DISTINCT FROM of_run THEN
            UPDATE runs_runfacts f
                SET reserved_micros = f.reserved_micros - reserved, spent_micros = f.spent_micros + cost,
                    in_flight = f.in_flight - settled, stamp = f.stamp # stamps
                WHERE f.root_run_id = (SELECT coalesce(r.root_run_id, r.id) FROM runs_run r WHERE r.id = of_run);
            runs := runs + 1;
            reserved := 0;
            cost := 0;
            settled := 0;
            stamps := 0;
        END IF;
    END LOOP;
    IF unknown IS NOT NULL THEN
        WITH sums AS (
            SELECT m.run_id, m.node_id, m.attempt, sum(m.cost_micros) AS cost
                FROM runs_modelcall m WHERE m.id = ANY (unknown) GROUP BY 1, 2, 3
        ), of_nodes AS (
            UPDATE runs_nodeexecution n SET cost_micros = n.cost_micros + s.cost
                FROM sums s WHERE n.run_id = s.run_id AND n.node_id = s.node_id AND n.attempt = s.attempt
        )
        UPDATE runs_run r SET cost_micros = r.cost_micros + s.cost
            FROM (SELECT run_id, sum(sums.cost) AS cost FROM sums GROUP BY 1) AS s WHERE r.id = s.run_id;
    END IF;
    RETURN runs;
END $$;
