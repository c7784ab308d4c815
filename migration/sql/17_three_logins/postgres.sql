-- Set-up, once done, is done: whoever may write this row cannot open it again.
CREATE FUNCTION keep_set_up() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION 'the installation is set up'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'installation_stays_set_up';
END
$$;

CREATE TRIGGER installation_stays_set_up BEFORE UPDATE ON installation FOR EACH ROW
WHEN (OLD.set_up_at IS NOT NULL
    AND (NEW.set_up_at, NEW.setup_token_hash) IS DISTINCT FROM (OLD.set_up_at, OLD.setup_token_hash))
EXECUTE FUNCTION keep_set_up();
REVOKE ALL ON installation FROM banyan_app, banyan_jobs;
GRANT SELECT, UPDATE (set_up_at, setup_token_hash, updated_at) ON installation TO banyan_app, banyan_jobs;

-- Which migrations there are is no secret, and who serves without the right to migrate must know.
GRANT SELECT ON seaql_migrations TO banyan_app;

-- The look-ups before a tenant is known belong to a role that reads the columns they need and nothing else. They
-- tell no password's hash, and nothing at all once a tenant is set.
DROP POLICY tenants_sign_in ON tenants;
DROP POLICY users_sign_in ON users;
DROP POLICY refresh_tokens_sign_in ON refresh_tokens;
DROP POLICY api_keys_sign_in ON api_keys;
DROP FUNCTION sign_in_account_by_email(text);
DROP FUNCTION sign_in_account_by_username(text, text);
DROP FUNCTION sign_in_refresh_token(text);
DROP FUNCTION sign_in_api_key(text);

CREATE POLICY tenants_sign_in ON tenants FOR SELECT TO banyan_sign_in USING (true);
CREATE POLICY users_sign_in ON users FOR SELECT TO banyan_sign_in USING (true);
CREATE POLICY refresh_tokens_sign_in ON refresh_tokens FOR SELECT TO banyan_sign_in USING (true);
CREATE POLICY api_keys_sign_in ON api_keys FOR SELECT TO banyan_sign_in USING (true);
GRANT SELECT (id, slug) ON tenants TO banyan_sign_in;
GRANT SELECT (id, tenant_id, email, username, password_hash, is_active, deleted_at) ON users TO banyan_sign_in;
GRANT SELECT (id, tenant_id, user_id, token_hash) ON refresh_tokens TO banyan_sign_in;
GRANT SELECT (id, tenant_id, user_id, key_hash) ON api_keys TO banyan_sign_in;

CREATE FUNCTION refuse_a_tenant() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF coalesce(pg_catalog.current_setting('app.tenant_id', true), '') <> '' THEN
        RAISE EXCEPTION 'the look-ups of sign-in are closed where a tenant is set'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

-- Of a password's hash what stands before it: how to hash what was typed.
CREATE FUNCTION sign_in_account_by_email(email text)
RETURNS TABLE (user_id uuid, tenant_id uuid, password_salt text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM public.refuse_a_tenant();
    RETURN QUERY
    SELECT u.id, u.tenant_id, rtrim(u.password_hash, replace(u.password_hash, '$', ''))
    FROM public.users u
    WHERE u.email = $1 AND u.deleted_at IS NULL AND u.is_active;
END
$$;

-- Without a slug: in the only tenant there is, and nowhere when there are several.
CREATE FUNCTION sign_in_account_by_username(username text, tenant_slug text)
RETURNS TABLE (user_id uuid, tenant_id uuid, password_salt text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM public.refuse_a_tenant();
    RETURN QUERY
    SELECT u.id, u.tenant_id, rtrim(u.password_hash, replace(u.password_hash, '$', ''))
    FROM public.tenants t
    JOIN public.users u ON u.tenant_id = t.id
    WHERE u.username = $1 AND u.deleted_at IS NULL AND u.is_active
      AND CASE
          WHEN $2 IS NULL THEN NOT EXISTS (SELECT FROM public.tenants other WHERE other.id <> t.id)
          ELSE t.slug = $2
      END;
END
$$;

CREATE FUNCTION sign_in_has_password(account uuid, hash text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM public.refuse_a_tenant();
    RETURN EXISTS (
        SELECT FROM public.users u
        WHERE u.id = $1 AND u.password_hash = $2 AND u.deleted_at IS NULL AND u.is_active
    );
END
$$;

CREATE FUNCTION sign_in_refresh_token(hash text)
RETURNS TABLE (id uuid, user_id uuid, tenant_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM public.refuse_a_tenant();
    RETURN QUERY
    SELECT r.id, r.user_id, r.tenant_id
    FROM public.refresh_tokens r
    JOIN public.users u ON u.id = r.user_id
    WHERE r.token_hash = $1 AND u.deleted_at IS NULL AND u.is_active;
END
$$;

CREATE FUNCTION sign_in_api_key(hash text)
RETURNS TABLE (id uuid, user_id uuid, tenant_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM public.refuse_a_tenant();
    RETURN QUERY
    SELECT k.id, k.user_id, k.tenant_id
    FROM public.api_keys k
    JOIN public.users u ON u.id = k.user_id
    WHERE k.key_hash = $1 AND u.deleted_at IS NULL AND u.is_active;
END
$$;

REVOKE EXECUTE ON FUNCTION refuse_a_tenant(), sign_in_account_by_email(text), sign_in_account_by_username(text, text),
    sign_in_has_password(uuid, text), sign_in_refresh_token(text), sign_in_api_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refuse_a_tenant() TO banyan_sign_in;
GRANT EXECUTE ON FUNCTION sign_in_account_by_email(text), sign_in_account_by_username(text, text),
    sign_in_has_password(uuid, text), sign_in_refresh_token(text), sign_in_api_key(text) TO banyan_app;
-- A new owner must have the right to make what it gets, for this moment.
GRANT CREATE ON SCHEMA public TO banyan_sign_in;
ALTER FUNCTION sign_in_account_by_email(text) OWNER TO banyan_sign_in;
ALTER FUNCTION sign_in_account_by_username(text, text) OWNER TO banyan_sign_in;
ALTER FUNCTION sign_in_has_password(uuid, text) OWNER TO banyan_sign_in;
ALTER FUNCTION sign_in_refresh_token(text) OWNER TO banyan_sign_in;
ALTER FUNCTION sign_in_api_key(text) OWNER TO banyan_sign_in;
REVOKE CREATE ON SCHEMA public FROM banyan_sign_in;

-- Who serves writes a password's hash and does not read it. Accounts are marked as deleted, not removed.
REVOKE ALL ON users FROM banyan_app, banyan_jobs;
GRANT SELECT (id, tenant_id, email, username, display_name, first_name, last_name, avatar_url, is_active,
        email_verified, email_verified_at, last_login_at, last_login_ip, daily_request_quota, created_at, updated_at,
        deleted_at),
    INSERT (id, tenant_id, email, username, display_name, first_name, last_name, avatar_url, is_active,
        email_verified, email_verified_at, last_login_at, last_login_ip, daily_request_quota, created_at, updated_at,
        deleted_at),
    UPDATE (email, username, password_hash, display_name, first_name, last_name, avatar_url, is_active,
        email_verified, email_verified_at, last_login_at, last_login_ip, daily_request_quota, updated_at, deleted_at)
ON users TO banyan_app, banyan_jobs;

-- Work across tenants: of superadmins and the installation the rows without a tenant; of tenants ids, leases, times
-- and counts, and no text of theirs.
ALTER POLICY users_jobs ON users USING (tenant_id IS NULL) WITH CHECK (tenant_id IS NULL);
ALTER POLICY sessions_jobs ON sessions USING (tenant_id IS NULL) WITH CHECK (tenant_id IS NULL);
ALTER POLICY refresh_tokens_jobs ON refresh_tokens USING (tenant_id IS NULL) WITH CHECK (tenant_id IS NULL);
ALTER POLICY audit_logs_jobs ON audit_logs USING (tenant_id IS NULL) WITH CHECK (tenant_id IS NULL);
REVOKE ALL ON roles, user_roles, sessions, refresh_tokens, api_keys, social_links, collections, sources,
    source_versions, chunks, chunk_embeddings, conversations, conversation_collections, messages, streams,
    stream_events, retrieval_runs, citations, usage_logs, provider_calls, usage_folds, usage_late, audit_logs, jobs,
    idempotency_keys FROM banyan_jobs;
REVOKE EXECUTE ON FUNCTION count_running_streams(uuid, uuid, uuid, bigint) FROM banyan_jobs;
GRANT SELECT, INSERT, UPDATE (idle_expires_at, version, revoked_at, updated_at) ON sessions TO banyan_jobs;
GRANT SELECT, INSERT, UPDATE (used_at, updated_at) ON refresh_tokens TO banyan_jobs;
GRANT SELECT, INSERT ON audit_logs TO banyan_jobs;
GRANT SELECT, UPDATE (state, step, progress_done, progress_total, attempts, fence, lease_expires_at, run_at, error,
    updated_at) ON jobs TO banyan_jobs;
GRANT SELECT (tenant_id, id, state, epoch, lease_expires_at, ended_at), UPDATE (epoch, lease_expires_at, updated_at)
    ON streams TO banyan_jobs;
GRANT SELECT (tenant_id, stream_id, number, created_at), DELETE ON stream_events TO banyan_jobs;
GRANT SELECT (tenant_id, requested_at) ON usage_logs TO banyan_jobs;
GRANT SELECT (tenant_id, requested_at) ON usage_late TO banyan_jobs;
GRANT SELECT (tenant_id, folded_before) ON usage_folds TO banyan_jobs;
GRANT SELECT ON provider_calls TO banyan_jobs;
GRANT SELECT (tenant_id, user_id, key, expires_at), DELETE ON idempotency_keys TO banyan_jobs;
