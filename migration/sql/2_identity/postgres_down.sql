DROP POLICY tenants_sign_in ON tenants;
DROP FUNCTION sign_in_account_by_email(text);
DROP FUNCTION sign_in_account_by_username(text, text);
DROP FUNCTION sign_in_refresh_token(text);
DROP FUNCTION sign_in_api_key(text);
