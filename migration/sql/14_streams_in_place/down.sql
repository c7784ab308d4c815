--postgres ALTER TABLE streams RESET (fillfactor);
DROP INDEX ix_streams_running_user;
CREATE INDEX ix_streams_running_user ON streams (tenant_id, user_id) WHERE state = 'running';
