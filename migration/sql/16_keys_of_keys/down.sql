DROP INDEX ix_api_keys_made_by;
ALTER TABLE api_keys DROP COLUMN made_by_key_id;
