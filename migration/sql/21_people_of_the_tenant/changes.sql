-- Who acts from outside of a tenant stands in a column of its own, so that `user_id` is of the tenant or of nobody.
ALTER TABLE audit_logs ADD COLUMN superadmin_id {uuid} REFERENCES users (id) ON DELETE SET NULL;
CREATE INDEX ix_audit_logs_superadmin ON audit_logs (superadmin_id) WHERE superadmin_id IS NOT NULL;

-- The rows that are there are those of all tenants, which row-level security hides from the owner too.
--postgres ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_append_only;
--postgres ALTER TABLE audit_logs NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE idempotency_keys NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE provider_calls NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE retrieval_runs NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE usage_daily NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE usage_logs NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE user_roles NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
--sqlite DROP TRIGGER audit_logs_append_only;
UPDATE audit_logs SET superadmin_id = user_id, user_id = NULL
WHERE user_id IN (SELECT id FROM users WHERE tenant_id IS NULL);
--postgres UPDATE audit_logs SET superadmin_id = (changes ->> 'superadmin')::uuid
--sqlite UPDATE audit_logs SET superadmin_id = unhex(changes ->> 'superadmin', '-')
WHERE changes ->> 'superadmin' IS NOT NULL AND superadmin_id IS NULL
--postgres    AND (changes ->> 'superadmin')::uuid IN (SELECT id FROM users);
--sqlite    AND unhex(changes ->> 'superadmin', '-') IN (SELECT id FROM users);

-- What tells who did something refers to a user of the tenant, and no longer to the user alone. SQLite keeps the key
-- in the table's text, which its own file changes.
UPDATE user_roles SET assigned_by = NULL WHERE assigned_by IN (SELECT id FROM users WHERE tenant_id IS NULL);
UPDATE usage_logs SET user_id = NULL WHERE user_id IN (SELECT id FROM users WHERE tenant_id IS NULL);
UPDATE usage_daily SET user_id = NULL WHERE user_id IN (SELECT id FROM users WHERE tenant_id IS NULL);
UPDATE provider_calls SET user_id = NULL WHERE user_id IN (SELECT id FROM users WHERE tenant_id IS NULL);
UPDATE jobs SET user_id = NULL WHERE user_id IN (SELECT id FROM users WHERE tenant_id IS NULL);
DELETE FROM retrieval_runs WHERE user_id IN (SELECT id FROM users WHERE tenant_id IS NULL);
DELETE FROM idempotency_keys WHERE user_id IN (SELECT id FROM users WHERE tenant_id IS NULL);
--postgres ALTER TABLE user_roles DROP CONSTRAINT user_roles_assigned_by_fkey,
--postgres    ADD FOREIGN KEY (tenant_id, assigned_by) REFERENCES users (tenant_id, id) ON DELETE CLEAR (assigned_by);
--postgres ALTER TABLE usage_logs DROP CONSTRAINT usage_logs_user_id_fkey,
--postgres    ADD FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CLEAR (user_id);
--postgres ALTER TABLE usage_daily DROP CONSTRAINT usage_daily_user_id_fkey,
--postgres    ADD FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CLEAR (user_id);
--postgres ALTER TABLE provider_calls DROP CONSTRAINT provider_calls_user_id_fkey,
--postgres    ADD FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CLEAR (user_id);
--postgres ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_user_id_fkey,
--postgres    ADD FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CLEAR (user_id);
--postgres ALTER TABLE jobs DROP CONSTRAINT jobs_user_id_fkey,
--postgres    ADD FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CLEAR (user_id);
--postgres ALTER TABLE retrieval_runs DROP CONSTRAINT retrieval_runs_user_id_fkey,
--postgres    ADD FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE;
--postgres ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_user_id_fkey,
--postgres    ADD FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE;
--postgres ALTER TABLE audit_logs ENABLE TRIGGER audit_logs_append_only;
--postgres ALTER TABLE audit_logs FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE provider_calls FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE retrieval_runs FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE usage_daily FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE usage_logs FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE user_roles FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE users FORCE ROW LEVEL SECURITY;
