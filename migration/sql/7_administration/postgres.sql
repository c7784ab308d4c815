-- Append-only, for its owner as well: only `user_id` may be cleared, by the deletion of the user.
CREATE FUNCTION protect_audit_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NEW.user_id IS NOT NULL OR to_jsonb(NEW) - 'user_id' <> to_jsonb(OLD) - 'user_id' THEN
        RAISE EXCEPTION 'audit_logs is append-only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_logs_append_only';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audit_logs_append_only BEFORE UPDATE ON audit_logs
FOR EACH ROW EXECUTE FUNCTION protect_audit_log();
CREATE TRIGGER audit_logs_no_removal BEFORE DELETE ON audit_logs
FOR EACH ROW EXECUTE FUNCTION refuse_log_removal();
