-- Runs to which a policy denied something are few among many: that it did stands in the run, too, so that they are found
-- and counted by an index of their own. Decisions are never changed, and neither is this.
CREATE OR REPLACE FUNCTION grove_note_denial() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE runs_run SET was_denied = true WHERE tenant_id = NEW.tenant_id AND id = NEW.run_id AND NOT was_denied;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER note_denial AFTER INSERT ON runs_decision FOR EACH ROW
    WHEN (NEW.verdict = 'deny') EXECUTE FUNCTION grove_note_denial();
