CREATE OR REPLACE FUNCTION protect_audit_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF (NEW.user_id IS NOT NULL AND NEW.user_id IS DISTINCT FROM OLD.user_id)
        OR (NEW.superadmin_id IS NOT NULL AND NEW.superadmin_id IS DISTINCT FROM OLD.superadmin_id)
        OR (NEW.user_id IS NOT DISTINCT FROM OLD.user_id AND NEW.superadmin_id IS NOT DISTINCT FROM OLD.superadmin_id)
        OR to_jsonb(NEW) - 'user_id' - 'superadmin_id' <> to_jsonb(OLD) - 'user_id' - 'superadmin_id'
    THEN
        RAISE EXCEPTION 'audit_logs is append-only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_logs_append_only';
    END IF;
    RETURN NEW;
END
$$;
