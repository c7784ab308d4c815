DROP FUNCTION held_of_quota(uuid, uuid, text, bigint, bigint);
-- With their triggers.
DROP FUNCTION count_api_keys(), count_collections(), count_conversations(), count_files(), count_turned() CASCADE;
DROP FUNCTION add_to_quota(uuid, uuid, text, bigint);
