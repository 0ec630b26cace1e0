-- An intent: a decision and, where it allows, the call that is about to leave. One statement, one commit, BEFORE the act.
-- Security invoker: row-level security holds in here as anywhere else.

-- Write what was decided on the facts whose stamp is `expected`, in order, as far as it holds. Each of `asked` is
--   {run, token, register, decision, stamp, facts}, and one of call and tool: the row, without its sealed request;
--   and in `earlier` the decisions by which the call was changed before,
-- where `facts` is what the tree of runs has touched once this call is on its way; without a call it is left out.
-- `requests` are the sealed requests of those that call, in order. Answers {written, stop, facts, register}: how many
-- were written, why no more of them (claim, register, budget, facts), and how the facts are now, where they differ.
CREATE OR REPLACE FUNCTION grove_intend(root uuid, expected bigint, asked jsonb, requests bytea[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    facts uuid;
    known bigint;
    epoch bigint;
    item jsonb;
    decision runs_decision;
    model_call runs_modelcall;
    tool_call runs_toolcall;
    budget uuid;
    written integer := 0;
    sent integer := 0;
    last jsonb;
    stamps bigint := 0;
    stop text;
BEGIN
    SELECT id, stamp INTO facts, known FROM runs_runfacts WHERE root_run_id = root FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('written', 0, 'stop', 'claim');  -- the run was disposed of
    END IF;
    IF known IS DISTINCT FROM expected THEN
        RETURN jsonb_build_object('written', 0, 'stop', 'facts', 'facts',
                                  (SELECT to_jsonb(f) FROM runs_runfacts f WHERE f.id = facts));
    END IF;
    IF jsonb_array_length(asked) > 1 THEN  -- locked in their order, whatever the order of the calls
        PERFORM FROM workflows_budgetcounter WHERE budget_id IN (
            SELECT b::uuid FROM jsonb_array_elements(asked) AS t(v),
                jsonb_array_elements_text(coalesce(v->'call'->'budgets', '[]')) AS b
        ) ORDER BY budget_id FOR UPDATE;
    END IF;
    FOR i IN 0 .. jsonb_array_length(asked) - 1 LOOP
        item := asked->i;
        SELECT (SELECT number FROM workflows_registerepoch) INTO epoch FROM runs_runclaim
            WHERE run_id = (item->>'run')::uuid AND token = (item->>'token')::integer AND worker_id IS NOT NULL;
        IF NOT FOUND THEN
            stop := 'claim';
        ELSIF (item->>'register')::bigint <> coalesce(epoch, 0) THEN
            stop := 'register';
        ELSIF item ? 'call' THEN
            model_call := jsonb_populate_record(NULL::runs_modelcall, item->'call');
            IF model_call.budgets <> '{}' THEN
                budget := grove_reserve(model_call.budgets, model_call.reserved_micros, model_call.reserved_tokens);
                IF budget IS NOT NULL THEN
                    stop := 'budget';
                END IF;
            END IF;
        END IF;
        EXIT WHEN stop IS NOT NULL;

        IF item ? 'earlier' THEN
            INSERT INTO runs_decision SELECT * FROM jsonb_populate_recordset(NULL::runs_decision, item->'earlier');
        END IF;
        decision := jsonb_populate_record(NULL::runs_decision, item->'decision');
        INSERT INTO runs_decision VALUES (decision.*);
        IF item ? 'call' THEN
            sent := sent + 1;
            model_call.request_sealed := requests[sent];
            INSERT INTO runs_modelcall VALUES (model_call.*);
        ELSIF item ? 'tool' THEN
            sent := sent + 1;
            tool_call := jsonb_populate_record(NULL::runs_toolcall, item->'tool');
            tool_call.request_sealed := requests[sent];
            INSERT INTO runs_toolcall VALUES (tool_call.*);
        END IF;
        IF item ? 'facts' THEN
            last := item->'facts';
            stamps := stamps # (item->>'stamp')::bigint;
        END IF;
        written := written + 1;
    END LOOP;
    IF last IS NOT NULL THEN
        UPDATE runs_runfacts f
            SET max_class = (last->>'max_class')::smallint, tags = last->'tags', tools_used = last->'tools_used',
                destinations = last->'destinations', calls = (last->>'calls')::integer,
                model_calls = (last->>'model_calls')::integer, in_flight = (last->>'in_flight')::integer,
                reserved_micros = (last->>'reserved_micros')::bigint, stamp = f.stamp # stamps
            WHERE f.id = facts;
    END IF;
    RETURN jsonb_build_object('written', written, 'stop', stop, 'budget', budget);
END $$;

-- Intents that ride with a wave: after grove_checkpoint in its transaction, when the facts are those after what the wave
-- settles, and locked. Each of `riding` is {root, expected, asked, requests}: what grove_intend takes, its sealed requests
-- named by their places in `sealed`. Returns the calls that are on record; of the others their nodes find out by
-- themselves, so a budget that was in the way has refused nobody yet.
CREATE OR REPLACE FUNCTION grove_ride(riding jsonb, sealed bytea[]) RETURNS uuid[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    item jsonb;
    answer jsonb;
    requests bytea[];
    rode uuid[] := '{}';
BEGIN
    IF jsonb_array_length(riding) > 1 THEN  -- locked in their order, whatever the order of the runs
        PERFORM FROM workflows_budgetcounter WHERE budget_id IN (
            SELECT b::uuid FROM jsonb_array_elements(riding) AS t(v), jsonb_array_elements(v->'asked') AS a(w),
                jsonb_array_elements_text(w->'call'->'budgets') AS b
        ) ORDER BY budget_id FOR UPDATE;
    END IF;
    FOR i IN 0 .. jsonb_array_length(riding) - 1 LOOP
        item := riding->i;
        requests := '{}';
        FOR k IN 0 .. jsonb_array_length(item->'requests') - 1 LOOP
            requests := requests || sealed[(item->'requests'->>k)::integer];
        END LOOP;
        answer := grove_intend((item->>'root')::uuid, (item->>'expected')::bigint, item->'asked', requests);
        FOR k IN 0 .. (answer->>'written')::integer - 1 LOOP
            rode := rode || (item->'asked'->k->'call'->>'id')::uuid;
        END LOOP;
        IF answer->>'stop' = 'budget' THEN
            UPDATE workflows_budgetcounter SET refused = refused - 1 WHERE budget_id = (answer->>'budget')::uuid;
        END IF;
    END LOOP;
    RETURN rode;
END $$;

-- Whoever changes facts without knowing of stamps gives them a new one, so that nobody goes on with what he knew.
CREATE OR REPLACE FUNCTION grove_restamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.stamp := (random() * 9e18)::bigint;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER restamp BEFORE UPDATE ON runs_runfacts FOR EACH ROW
    WHEN (NEW.stamp = OLD.stamp) EXECUTE FUNCTION grove_restamp();

-- However a call is settled, so are the budgets that it was reserved in. It locks no counter (see budgets.sql).
CREATE OR REPLACE FUNCTION grove_settle_budgets() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    settled integer;
BEGIN
    settled := grove_settle(
        NEW.budgets,
        CASE OLD.status WHEN 'intended' THEN OLD.reserved_micros ELSE 0 END,
        NEW.cost_micros - OLD.cost_micros,
        CASE OLD.status WHEN 'intended' THEN OLD.reserved_tokens ELSE 0 END,
        grove_tokens_of(NEW) - grove_tokens_of(OLD));
    RETURN NULL;
END $$;

-- Of an interrupted call nobody knows: as with money, what was reserved counts.
CREATE OR REPLACE FUNCTION grove_tokens_of(call runs_modelcall) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE call.status WHEN 'intended' THEN 0 WHEN 'interrupted' THEN call.reserved_tokens
        ELSE call.tokens_in + call.tokens_out END
$$;

CREATE OR REPLACE TRIGGER settle_budgets AFTER UPDATE ON runs_modelcall FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND NEW.budgets <> '{}') EXECUTE FUNCTION grove_settle_budgets();
