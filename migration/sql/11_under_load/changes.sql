-- Indexes that every turn wrote and no query needs: sums by kind of work read a span of time, and rows of a
-- user are found by the user alone, whom one tenant has.
DROP INDEX ix_usage_logs_agent_requested;
DROP INDEX ix_usage_logs_user_requested;
DROP INDEX ix_usage_logs_user;
CREATE INDEX ix_usage_logs_user_requested ON usage_logs (user_id, requested_at) WHERE user_id IS NOT NULL;
DROP INDEX ix_audit_logs_tenant_user;
-- The rows of a turn are changed soon after they were added: with room left on its page, a row's new version
-- stays there and no index has to follow.
--postgres ALTER TABLE conversations SET (fillfactor = 70);
--postgres ALTER TABLE messages SET (fillfactor = 70);
