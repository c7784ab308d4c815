DROP TRIGGER users_clear_acts;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
    ', FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE) STRICT', ') STRICT'),
    ', FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)) STRICT', ') STRICT'),
    ', FOREIGN KEY (tenant_id, assigned_by) REFERENCES users (tenant_id, id)) STRICT', ') STRICT')
WHERE type = 'table' AND name IN ('user_roles', 'usage_logs', 'usage_daily', 'provider_calls', 'audit_logs', 'jobs', 'idempotency_keys', 'retrieval_runs');
UPDATE sqlite_schema SET sql = replace(sql, 'user_id BLOB,', 'user_id BLOB REFERENCES users (id) ON DELETE SET NULL,')
WHERE type = 'table' AND name IN ('usage_logs', 'usage_daily', 'provider_calls', 'audit_logs', 'jobs');
UPDATE sqlite_schema SET sql = replace(sql, 'assigned_by BLOB,', 'assigned_by BLOB REFERENCES users (id) ON DELETE SET NULL,')
WHERE type = 'table' AND name = 'user_roles';
UPDATE sqlite_schema SET sql = replace(replace(sql, 'user_id BLOB,', 'user_id BLOB REFERENCES users (id) ON DELETE CASCADE,'),
    'user_id BLOB NOT NULL,', 'user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,')
WHERE type = 'table' AND name IN ('idempotency_keys', 'retrieval_runs');
PRAGMA writable_schema = RESET;

DROP TRIGGER audit_logs_append_only;
UPDATE audit_logs SET user_id = superadmin_id WHERE superadmin_id IS NOT NULL AND tenant_id IS NULL;
DROP INDEX ix_audit_logs_superadmin;
ALTER TABLE audit_logs DROP COLUMN superadmin_id;
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
