-- With a slug: in its tenant. Without one: the superadmin's, else the only one of any tenant, and nobody's when
-- several have one.
DROP FUNCTION sign_in_account_by_email(text);
CREATE FUNCTION sign_in_account_by_email(email text, tenant_slug text)
RETURNS TABLE (user_id uuid, tenant_id uuid, password_salt text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM public.refuse_a_tenant();
    RETURN QUERY
    SELECT u.id, u.tenant_id, rtrim(u.password_hash, replace(u.password_hash, '$', ''))
    FROM public.users u
    WHERE u.email = $1 AND u.deleted_at IS NULL AND u.is_active
      AND CASE
          WHEN $2 IS NOT NULL THEN u.tenant_id = (SELECT t.id FROM public.tenants t WHERE t.slug = $2)
          ELSE u.tenant_id IS NULL OR NOT EXISTS (
              SELECT FROM public.users other
              WHERE other.email = $1 AND other.id <> u.id AND other.deleted_at IS NULL AND other.is_active
          )
      END;
END
$$;

REVOKE EXECUTE ON FUNCTION sign_in_account_by_email(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_account_by_email(text, text) TO banyan_app;
-- A new owner must have the right to make what it gets, for this moment.
GRANT CREATE ON SCHEMA public TO banyan_sign_in;
ALTER FUNCTION sign_in_account_by_email(text, text) OWNER TO banyan_sign_in;
REVOKE CREATE ON SCHEMA public FROM banyan_sign_in;
