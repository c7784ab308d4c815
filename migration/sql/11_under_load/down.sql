DROP INDEX ix_usage_logs_user_requested;
CREATE INDEX ix_usage_logs_agent_requested ON usage_logs (tenant_id, agent_type, requested_at);
CREATE INDEX ix_usage_logs_user_requested ON usage_logs (tenant_id, user_id, requested_at);
CREATE INDEX ix_usage_logs_user ON usage_logs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX ix_audit_logs_tenant_user ON audit_logs (tenant_id, user_id);
--postgres ALTER TABLE conversations RESET (fillfactor);
--postgres ALTER TABLE messages RESET (fillfactor);
--postgres DROP FUNCTION count_running_streams(uuid, uuid, uuid, bigint);
