DROP FUNCTION sign_in_account_by_email(text, text);
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

REVOKE EXECUTE ON FUNCTION sign_in_account_by_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_account_by_email(text) TO banyan_app;
GRANT CREATE ON SCHEMA public TO banyan_sign_in;
ALTER FUNCTION sign_in_account_by_email(text) OWNER TO banyan_sign_in;
REVOKE CREATE ON SCHEMA public FROM banyan_sign_in;
