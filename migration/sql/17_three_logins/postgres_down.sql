DROP TRIGGER installation_stays_set_up ON installation;
DROP FUNCTION keep_set_up();
REVOKE ALL ON installation, users FROM banyan_app, banyan_jobs;
GRANT SELECT, UPDATE ON installation TO banyan_app, banyan_jobs;
REVOKE ALL ON seaql_migrations FROM banyan_app;
DROP POLICY tenants_sign_in ON tenants;
DROP POLICY users_sign_in ON users;
DROP POLICY refresh_tokens_sign_in ON refresh_tokens;
DROP POLICY api_keys_sign_in ON api_keys;
REVOKE ALL ON tenants, users, refresh_tokens, api_keys FROM banyan_sign_in;
DROP FUNCTION sign_in_account_by_email(text);
DROP FUNCTION sign_in_account_by_username(text, text);
DROP FUNCTION sign_in_has_password(uuid, text);
DROP FUNCTION sign_in_refresh_token(text);
DROP FUNCTION sign_in_api_key(text);
DROP FUNCTION refuse_a_tenant();
ALTER POLICY users_jobs ON users USING (true) WITH CHECK (true);
ALTER POLICY sessions_jobs ON sessions USING (true) WITH CHECK (true);
ALTER POLICY refresh_tokens_jobs ON refresh_tokens USING (true) WITH CHECK (true);
ALTER POLICY audit_logs_jobs ON audit_logs USING (true) WITH CHECK (true);
REVOKE ALL ON sessions, refresh_tokens, audit_logs, jobs, streams, stream_events, usage_logs, usage_late, usage_folds,
    provider_calls, idempotency_keys FROM banyan_jobs;
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO banyan_app;
GRANT SELECT, INSERT, UPDATE ON users TO banyan_jobs;
GRANT SELECT ON roles, user_roles, api_keys, social_links, collections, sources, source_versions, chunks,
    chunk_embeddings, conversation_collections, retrieval_runs, citations, usage_folds TO banyan_jobs;
GRANT SELECT, UPDATE ON conversations, messages, streams TO banyan_jobs;
GRANT SELECT, INSERT ON usage_logs, usage_late, audit_logs TO banyan_jobs;
GRANT SELECT, INSERT, DELETE ON stream_events TO banyan_jobs;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, refresh_tokens, provider_calls, jobs, idempotency_keys
    TO banyan_jobs;
GRANT EXECUTE ON FUNCTION count_running_streams(uuid, uuid, uuid, bigint) TO banyan_jobs;
