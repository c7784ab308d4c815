-- Each flush changes a stream's row: its new version finds room on the page of the old one, and no index follows.
--postgres ALTER TABLE streams SET (fillfactor = 50);
-- With the key among its columns SQLite takes it to count what runs, and not the index of all streams of a user.
DROP INDEX ix_streams_running_user;
CREATE INDEX ix_streams_running_user ON streams (tenant_id, user_id, api_key_id) WHERE state = 'running';
