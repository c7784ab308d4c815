-- What a foreign key says is not in the rows, so it is changed in the table's text (SQLite, "ALTER TABLE", section 8) and
-- no row is copied. The schema is read anew behind it, and its version is raised by the triggers that follow.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'user_id BLOB REFERENCES users (id) ON DELETE SET NULL', 'user_id BLOB')
WHERE type = 'table' AND name IN ('usage_logs', 'usage_daily', 'provider_calls', 'audit_logs', 'jobs');
UPDATE sqlite_schema SET sql = replace(sql, 'assigned_by BLOB REFERENCES users (id) ON DELETE SET NULL', 'assigned_by BLOB')
WHERE type = 'table' AND name = 'user_roles';
UPDATE sqlite_schema SET sql = replace(replace(sql, 'user_id BLOB REFERENCES users (id) ON DELETE CASCADE', 'user_id BLOB'),
    'user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE', 'user_id BLOB NOT NULL')
WHERE type = 'table' AND name IN ('idempotency_keys', 'retrieval_runs');
UPDATE sqlite_schema SET sql = substr(sql, 1, length(sql) - length(') STRICT')) || CASE
    WHEN name = 'user_roles' THEN ', FOREIGN KEY (tenant_id, assigned_by) REFERENCES users (tenant_id, id)'
    WHEN name IN ('usage_logs', 'usage_daily', 'provider_calls', 'audit_logs', 'jobs') THEN ', FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)'
    ELSE ', FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE'
    END || ') STRICT'
WHERE type = 'table' AND name IN ('user_roles', 'usage_logs', 'usage_daily', 'provider_calls', 'audit_logs', 'jobs', 'idempotency_keys', 'retrieval_runs');
PRAGMA writable_schema = RESET;

-- Append-only: only who acted may be cleared, by the deletion of the user.
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE ON audit_logs
WHEN (NEW.user_id IS NOT NULL AND NEW.user_id IS NOT OLD.user_id)
    OR (NEW.superadmin_id IS NOT NULL AND NEW.superadmin_id IS NOT OLD.superadmin_id)
    OR (NEW.user_id IS OLD.user_id AND NEW.superadmin_id IS OLD.superadmin_id)
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

-- What PostgreSQL clears by the column of a key that begins with the tenant.
CREATE TRIGGER users_clear_acts AFTER DELETE ON users BEGIN
    UPDATE audit_logs SET user_id = NULL WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
    UPDATE jobs SET user_id = NULL WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
    UPDATE provider_calls SET user_id = NULL WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
    UPDATE usage_daily SET user_id = NULL WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
    UPDATE usage_logs SET user_id = NULL WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
    UPDATE user_roles SET assigned_by = NULL WHERE tenant_id = OLD.tenant_id AND assigned_by = OLD.id;
END;
