-- The running streams of a user, counted alone: who counts waits for the commit of another who has
-- counted before, so that of many turns opened at once no more are added than may run. A statement
-- sees what was committed before it began; inside a volatile function each one looks anew, and so
-- counts behind the lock. SQLite has one writer and needs nothing of this.
CREATE FUNCTION count_running_streams(tenant uuid, owner uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(owner::text, 0));
    RETURN (
        SELECT count(*) FROM public.streams s WHERE s.state = 'running' AND s.tenant_id = tenant AND s.user_id = owner
    );
END
$$;

REVOKE EXECUTE ON FUNCTION count_running_streams(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_running_streams(uuid, uuid) TO banyan_app, banyan_jobs;
