-- Before a tenant is known the application may only call these functions. They run as their owner,
-- who is bound by row-level security as well (it is forced) and needs policies of its own to read.
CREATE POLICY tenants_sign_in ON tenants FOR SELECT TO banyan_owner USING (true);
CREATE POLICY users_sign_in ON users FOR SELECT TO banyan_owner USING (true);
CREATE POLICY refresh_tokens_sign_in ON refresh_tokens FOR SELECT TO banyan_owner USING (true);
CREATE POLICY api_keys_sign_in ON api_keys FOR SELECT TO banyan_owner USING (true);

CREATE FUNCTION sign_in_account_by_email(email text)
RETURNS TABLE (user_id uuid, tenant_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT u.id, u.tenant_id, u.password_hash
    FROM public.users u
    WHERE u.email = $1 AND u.deleted_at IS NULL AND u.is_active
$$;

-- Without a slug: in the only tenant there is, and nowhere when there are several.
CREATE FUNCTION sign_in_account_by_username(username text, tenant_slug text)
RETURNS TABLE (user_id uuid, tenant_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT u.id, u.tenant_id, u.password_hash
    FROM public.tenants t
    JOIN public.users u ON u.tenant_id = t.id
    WHERE u.username = $1 AND u.deleted_at IS NULL AND u.is_active
      AND CASE
          WHEN $2 IS NULL THEN NOT EXISTS (SELECT FROM public.tenants other WHERE other.id <> t.id)
          ELSE t.slug = $2
      END
$$;

CREATE FUNCTION sign_in_refresh_token(hash text)
RETURNS TABLE (id uuid, user_id uuid, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT r.id, r.user_id, r.tenant_id
    FROM public.refresh_tokens r
    JOIN public.users u ON u.id = r.user_id
    WHERE r.token_hash = $1 AND u.deleted_at IS NULL AND u.is_active
$$;

CREATE FUNCTION sign_in_api_key(hash text)
RETURNS TABLE (id uuid, user_id uuid, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT k.id, k.user_id, k.tenant_id
    FROM public.api_keys k
    JOIN public.users u ON u.id = k.user_id
    WHERE k.key_hash = $1 AND u.deleted_at IS NULL AND u.is_active
$$;

REVOKE EXECUTE ON FUNCTION sign_in_account_by_email(text), sign_in_account_by_username(text, text),
    sign_in_refresh_token(text), sign_in_api_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_account_by_email(text), sign_in_account_by_username(text, text),
    sign_in_refresh_token(text), sign_in_api_key(text) TO banyan_app, banyan_jobs;
