ALTER TABLE user_roles DROP CONSTRAINT user_roles_tenant_id_assigned_by_fkey,
    ADD CONSTRAINT user_roles_assigned_by_fkey FOREIGN KEY (assigned_by) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE usage_logs DROP CONSTRAINT usage_logs_tenant_id_user_id_fkey,
    ADD CONSTRAINT usage_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE usage_daily DROP CONSTRAINT usage_daily_tenant_id_user_id_fkey,
    ADD CONSTRAINT usage_daily_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE provider_calls DROP CONSTRAINT provider_calls_tenant_id_user_id_fkey,
    ADD CONSTRAINT provider_calls_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_tenant_id_user_id_fkey,
    ADD CONSTRAINT audit_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE jobs DROP CONSTRAINT jobs_tenant_id_user_id_fkey,
    ADD CONSTRAINT jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE retrieval_runs DROP CONSTRAINT retrieval_runs_tenant_id_user_id_fkey,
    ADD CONSTRAINT retrieval_runs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_tenant_id_user_id_fkey,
    ADD CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_append_only, NO FORCE ROW LEVEL SECURITY;
UPDATE audit_logs SET user_id = superadmin_id WHERE superadmin_id IS NOT NULL AND tenant_id IS NULL;
ALTER TABLE audit_logs ENABLE TRIGGER audit_logs_append_only, FORCE ROW LEVEL SECURITY;
DROP INDEX ix_audit_logs_superadmin;
ALTER TABLE audit_logs DROP COLUMN superadmin_id;

CREATE OR REPLACE FUNCTION protect_audit_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NEW.user_id IS NOT NULL OR to_jsonb(NEW) - 'user_id' <> to_jsonb(OLD) - 'user_id' THEN
        RAISE EXCEPTION 'audit_logs is append-only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_logs_append_only';
    END IF;
    RETURN NEW;
END
$$;
