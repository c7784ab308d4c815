DROP TRIGGER api_keys_clear_usage;
DROP TRIGGER conversations_clear_usage;
DROP TRIGGER messages_clear_usage;
