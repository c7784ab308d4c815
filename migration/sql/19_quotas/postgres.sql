-- What a deletion takes along is deleted as the owner of its table, and from PostgreSQL 18 on so are its triggers run.
-- Row-level security is forced on the owner too, which would count nothing.
CREATE POLICY quota_counts_owner ON quota_counts TO banyan_owner USING (true) WITH CHECK (true);

-- Adds to what a user and its tenant have of a kind, or takes off it: in a row that no other transaction holds, or in
-- one of this connection's. There is nothing to take off where the tenant goes as well.
CREATE FUNCTION add_to_quota(tenant uuid, owner uuid, what text, more bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
DECLARE
    holder uuid;
BEGIN
    FOREACH holder IN ARRAY ARRAY[owner, tenant] LOOP
        -- What is nobody's is the tenant's alone.
        CONTINUE WHEN holder IS NULL OR more = 0;
        UPDATE public.quota_counts q SET amount = q.amount + more
        WHERE q.tenant_id = tenant AND q.holder_id = holder AND q.kind = what AND q.shard = (
            SELECT free.shard FROM public.quota_counts free
            WHERE free.tenant_id = tenant AND free.holder_id = holder AND free.kind = what
            LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
        );
        CONTINUE WHEN FOUND;
        IF more > 0 THEN
            INSERT INTO public.quota_counts AS q (tenant_id, holder_id, kind, shard, amount)
            VALUES (tenant, holder, what, pg_catalog.pg_backend_pid() % 64, more)
            ON CONFLICT (tenant_id, holder_id, kind, shard) DO UPDATE SET amount = q.amount + excluded.amount;
        ELSE
            UPDATE public.quota_counts q SET amount = q.amount + more
            WHERE q.tenant_id = tenant AND q.holder_id = holder AND q.kind = what AND q.shard = (
                SELECT min(held.shard) FROM public.quota_counts held
                WHERE held.tenant_id = tenant AND held.holder_id = holder AND held.kind = what
            );
        END IF;
    END LOOP;
END
$$;

-- One for each table, for all rows of a statement at once: a row of the counts that one statement changed as often as it
-- has rows would be found more slowly each time.
CREATE FUNCTION count_api_keys() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
BEGIN
    PERFORM public.add_to_quota(c.tenant_id, c.user_id, 'api_keys', count(*) * TG_ARGV[0]::bigint)
    FROM changed c WHERE c.is_active GROUP BY c.tenant_id, c.user_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_collections() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
BEGIN
    PERFORM public.add_to_quota(c.tenant_id, c.user_id, 'collections', count(*) * TG_ARGV[0]::bigint)
    FROM changed c GROUP BY c.tenant_id, c.user_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_conversations() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
BEGIN
    PERFORM public.add_to_quota(c.tenant_id, c.user_id, 'conversations', count(*) * TG_ARGV[0]::bigint)
    FROM changed c WHERE c.deleted_at IS NULL GROUP BY c.tenant_id, c.user_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_files() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
BEGIN
    PERFORM public.add_to_quota(c.tenant_id, c.user_id, 'files', count(*) * TG_ARGV[0]::bigint),
        public.add_to_quota(c.tenant_id, c.user_id, 'file_bytes', sum(c.size_bytes)::bigint * TG_ARGV[0]::bigint)
    FROM changed c GROUP BY c.tenant_id, c.user_id;
    RETURN NULL;
END
$$;

-- A row that stays and counts from now on, or no longer.
CREATE FUNCTION count_turned() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
BEGIN
    PERFORM public.add_to_quota(NEW.tenant_id, NEW.user_id, TG_ARGV[0], TG_ARGV[1]::bigint);
    RETURN NULL;
END
$$;

CREATE TRIGGER api_keys_added AFTER INSERT ON api_keys REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_api_keys('1');
CREATE TRIGGER api_keys_removed AFTER DELETE ON api_keys REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_api_keys('-1');
CREATE TRIGGER api_keys_ended AFTER UPDATE OF is_active ON api_keys
    FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active) EXECUTE FUNCTION count_turned('api_keys', '-1');
CREATE TRIGGER api_keys_begun AFTER UPDATE OF is_active ON api_keys
    FOR EACH ROW WHEN (NEW.is_active AND NOT OLD.is_active) EXECUTE FUNCTION count_turned('api_keys', '1');

CREATE TRIGGER collections_added AFTER INSERT ON collections REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_collections('1');
CREATE TRIGGER collections_removed AFTER DELETE ON collections REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_collections('-1');

CREATE TRIGGER conversations_added AFTER INSERT ON conversations REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_conversations('1');
CREATE TRIGGER conversations_removed AFTER DELETE ON conversations REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_conversations('-1');
CREATE TRIGGER conversations_ended AFTER UPDATE OF deleted_at ON conversations
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION count_turned('conversations', '-1');
CREATE TRIGGER conversations_begun AFTER UPDATE OF deleted_at ON conversations
    FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION count_turned('conversations', '1');

CREATE TRIGGER sources_added AFTER INSERT ON sources REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_files('1');
CREATE TRIGGER sources_removed AFTER DELETE ON sources REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_files('-1');

-- What a user and a tenant have of a kind. Who asks and then adds holds a lock of tenant and kind until its transaction
-- ends: far below the fence one that it shares with all others there, from the fence on one for itself. So of many
-- that ask near a bound each waits for the commit of the one before, and for all that asked far below, and counts what
-- they added. A statement sees what was committed before it began; inside a volatile function each one looks anew, and so
-- counts behind the lock. Who finds itself near only behind the shared lock begins anew: it would wait for others
-- that wait for it. Without a fence nothing is added, and nobody waits.
CREATE FUNCTION held_of_quota(tenant uuid, owner uuid, what text, fence_of_user bigint, fence_of_tenant bigint)
RETURNS TABLE (by_user bigint, by_tenant bigint)
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
DECLARE
    place bigint := pg_catalog.hashtextextended(tenant::text || what, 0);
    is_near boolean := false;
BEGIN
    FOR look IN 1..2 LOOP
        SELECT coalesce(sum(q.amount), 0) INTO by_user FROM public.quota_counts q
        WHERE q.tenant_id = tenant AND q.holder_id = owner AND q.kind = what;
        SELECT coalesce(sum(q.amount), 0) INTO by_tenant FROM public.quota_counts q
        WHERE q.tenant_id = tenant AND q.holder_id = tenant AND q.kind = what;
        EXIT WHEN fence_of_tenant = 9223372036854775807;
        IF look = 1 THEN
            is_near := by_user >= fence_of_user OR by_tenant >= fence_of_tenant;
            IF is_near THEN
                PERFORM pg_catalog.pg_advisory_xact_lock(place);
            ELSE
                PERFORM pg_catalog.pg_advisory_xact_lock_shared(place);
            END IF;
        ELSIF NOT is_near AND (by_user >= fence_of_user OR by_tenant >= fence_of_tenant) THEN
            RAISE EXCEPTION 'others have come near the quota meanwhile' USING ERRCODE = 'serialization_failure';
        END IF;
    END LOOP;
    RETURN NEXT;
END
$$;

REVOKE EXECUTE ON FUNCTION add_to_quota(uuid, uuid, text, bigint),
    held_of_quota(uuid, uuid, text, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_to_quota(uuid, uuid, text, bigint),
    held_of_quota(uuid, uuid, text, bigint, bigint) TO banyan_app;
