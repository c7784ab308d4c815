-- Append-only: only `user_id` may be cleared, by the deletion of the user.
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE ON audit_logs
WHEN NEW.user_id IS NOT NULL
    OR NEW.id <> OLD.id
    OR NEW.tenant_id IS NOT OLD.tenant_id
    OR NEW.action <> OLD.action
    OR NEW.entity_type <> OLD.entity_type
    OR NEW.entity_id IS NOT OLD.entity_id
    OR NEW.changes IS NOT OLD.changes
    OR NEW.ip_address IS NOT OLD.ip_address
    OR NEW.user_agent IS NOT OLD.user_agent
    OR NEW.created_at <> OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'audit_logs_append_only: audit_logs is append-only');
END;

CREATE TRIGGER audit_logs_no_removal BEFORE DELETE ON audit_logs
WHEN OLD.tenant_id IS NULL OR EXISTS (SELECT 1 FROM tenants WHERE id = OLD.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'audit_logs_append_only: audit_logs is append-only; its rows cannot be deleted');
END;
