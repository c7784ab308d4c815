-- A key that a key made ends with it. No key is removed but with its owner, and both have the same one, so the column
-- refers to what is there without a constraint, which SQLite could not add to a table.
ALTER TABLE api_keys ADD COLUMN made_by_key_id {uuid};
CREATE INDEX ix_api_keys_made_by ON api_keys (tenant_id, made_by_key_id) WHERE made_by_key_id IS NOT NULL;
