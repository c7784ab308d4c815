DROP INDEX ix_messages_versions;
