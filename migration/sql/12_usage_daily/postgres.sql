-- Notes a row of the ledger as late. This must look once the row's transaction holds its lock of the table:
-- who closes a time and then waits for all that hold one has waited for each row that was not noted. So it
-- takes its own snapshot, which is new for each statement in a volatile function under READ COMMITTED. Under
-- another isolation it cannot know, and notes every row: one that did not come late counts all the same, and
-- its note goes with the next fold.
CREATE FUNCTION note_late_usage() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.usage_folds f
        WHERE f.tenant_id = NEW.tenant_id AND NEW.requested_at < f.closed_before
    ) OR pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
        INSERT INTO public.usage_late (tenant_id, log_id, requested_at, created_at)
        VALUES (NEW.tenant_id, NEW.id, NEW.requested_at, NEW.created_at);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER usage_logs_late AFTER INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION note_late_usage();
