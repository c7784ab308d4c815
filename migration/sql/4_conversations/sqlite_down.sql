DROP TRIGGER users_clear_messages;
DROP TRIGGER api_keys_clear_streams;
