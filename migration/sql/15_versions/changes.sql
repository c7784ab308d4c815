-- Which messages have siblings is asked for each page of a conversation, and few do.
CREATE INDEX ix_messages_versions ON messages (tenant_id, conversation_id, parent_id) WHERE version > 1;
