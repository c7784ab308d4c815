-- The running streams of who asks: of an API key, or of a user without a key. Near the bound they are
-- counted under a lock: who counts waits for the commit of another who has counted before, so that of many
-- turns opened at once no more are added than may run. A statement sees what was committed before it began;
-- inside a volatile function each one looks anew, and so counts behind the lock. Far below the bound nobody
-- waits: so many transactions as lie between are never open at once. SQLite has one writer and needs
-- nothing of this.
DROP FUNCTION count_running_streams(uuid, uuid);
CREATE FUNCTION count_running_streams(tenant uuid, owner uuid, key uuid, most bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
DECLARE
    far CONSTANT bigint := 256;
    running bigint;
BEGIN
    FOR look IN 1..2 LOOP
        SELECT count(*) INTO running FROM public.streams s
        WHERE s.state = 'running' AND s.tenant_id = tenant AND s.user_id = owner
            AND s.api_key_id IS NOT DISTINCT FROM key;
        EXIT WHEN look = 2 OR running + far < most;
        PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(coalesce(key, owner)::text, 0));
    END LOOP;
    RETURN running;
END
$$;

REVOKE EXECUTE ON FUNCTION count_running_streams(uuid, uuid, uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_running_streams(uuid, uuid, uuid, bigint) TO banyan_app, banyan_jobs;
