INSERT INTO tenants (id, name, slug) VALUES (#1, 'One', 'one'), (#2, 'Two', 'two');
INSERT INTO users (id, tenant_id, email, username, password_hash, is_active, email_verified) VALUES
    (#11, #1, 'ada@one.example', 'ada', '$salt of ada$hash of ada', true, false),
    (#12, #2, 'bob@two.example', 'bob', '$salt of bob$hash of bob', true, false),
    (#13, #1, 'eve@one.example', 'eve', '$salt of eve$hash of eve', true, false),
    (#10, NULL, 'root@example.com', 'root', '$salt of root$hash of root', true, false);
INSERT INTO roles (id, tenant_id, name, permissions, is_system) VALUES (#15, #1, 'user', '[]', true);
INSERT INTO user_roles (id, tenant_id, user_id, role_id, assigned_at, assigned_by)
    VALUES (#16, #1, #11, #15, @now, #13);
INSERT INTO sessions (id, tenant_id, user_id, version, expires_at, idle_expires_at)
    VALUES (#17, #1, #11, 1, @now, @now), (#18, NULL, #10, 1, @now, @now);
INSERT INTO refresh_tokens (id, tenant_id, user_id, session_id, token_hash, expires_at)
    VALUES (#19, #1, #11, #17, @hash1, @now), (#20, NULL, #10, #18, @hash2, @now);
INSERT INTO api_keys (id, tenant_id, user_id, name, prefix, last_four, key_hash, is_active)
    VALUES (#14, #1, #11, 'key', 'byn_1', 'abcd', @hash3, true);

INSERT INTO collections (id, tenant_id, user_id, name, visibility, chunking, chunk_count, generation) VALUES
    (#41, #1, #11, 'shared', 'shared', '{}', 1, 1), (#42, #1, #11, 'private', 'private', '{}', 0, 1);
INSERT INTO sources (id, tenant_id, collection_id, user_id, name, visibility, filename, storage_key, storage_type,
    mime_type, size_bytes, content_hash, status, metadata) VALUES
    (#51, #1, #41, #11, 'a', NULL, 'a.md', 'k/1', 'local', 'text/markdown', 1, @hash1, 'uploaded', '{}'),
    (#52, #1, #42, #11, 'b', NULL, 'b.md', 'k/2', 'local', 'text/markdown', 1, @hash1, 'uploaded', '{}'),
    (#53, #1, #41, #11, 'c', 'private', 'c.md', 'k/3', 'local', 'text/markdown', 1, @hash2, 'uploaded', '{}');
INSERT INTO source_versions (id, tenant_id, source_id, collection_id, version, status, content_hash, character_count,
    chunking, chunk_count) VALUES (#61, #1, #51, #41, 1, 'uploaded', @hash1, 5, '{}', 1);
UPDATE sources SET current_version_id = #61 WHERE id = #51;
INSERT INTO chunks (id, tenant_id, collection_id, source_id, source_version_id, ordinal, content, heading_path,
    start_offset, end_offset, token_count)
    VALUES (#71, #1, #41, #51, #61, 0, 'growing trees', '["Forestry"]', 0, 13, 2);

INSERT INTO conversations (id, tenant_id, user_id, visibility, retrieval, current_message_id, head_version, next_seq,
    origin, message_count, input_tokens, output_tokens, cost_nano_usd, request_count, unknown_cost_count) VALUES
    (#21, #1, #11, 'private', 'collections', NULL, 1, 3, 'app', 2, 1, 1, 3, 1, 0),
    (#22, #1, #13, 'private', 'all', NULL, 1, 1, 'fork', 0, 0, 0, 0, 0, 0),
    (#23, #2, #12, 'private', 'all', NULL, 1, 1, 'app', 0, 0, 0, 0, 0, 0);
UPDATE conversations SET forked_from_conversation_id = #21 WHERE id = #22;
INSERT INTO conversation_collections (tenant_id, conversation_id, collection_id) VALUES (#1, #21, #41);
INSERT INTO messages (id, tenant_id, conversation_id, user_id, parent_id, seq, role, status, parts, attachments,
    version, is_edited, content_version, active_child_id, forked_from_id, irregular, metadata) VALUES
    (#31, #1, #21, #11, NULL, 1, 'user', 'complete', '{}', '[]', 1, false, 1, #32, NULL, false, '{}'),
    (#32, #1, #21, #13, #31, 2, 'assistant', 'pending', '{}', '[]', 1, false, 1, NULL, NULL, false, '{}'),
    (#33, #1, #22, #11, NULL, 1, 'user', 'complete', '{}', '[]', 1, false, 1, NULL, #31, false, '{}');
UPDATE conversations SET current_message_id = #32 WHERE id = #21;
INSERT INTO streams (id, tenant_id, conversation_id, message_id, user_id, api_key_id, request_id, state, epoch,
    lease_expires_at, last_event) VALUES (#81, #1, #21, #32, #11, #14, #91, 'running', 1, @now, 1);
INSERT INTO stream_events (tenant_id, stream_id, number, event_type, data) VALUES (#1, #81, 1, 'turn.started', '{}');

INSERT INTO retrieval_runs (id, tenant_id, user_id, conversation_id, message_id, query, mode, parameters, duration_ms)
    VALUES (#101, #1, #13, #21, #32, 'trees', 'lexical', '{}', 1);
INSERT INTO citations (id, tenant_id, conversation_id, message_id, citation_index, chunk_id, source_id,
    source_version_id, filename, quote, quote_start, quote_end)
    VALUES (#111, #1, #21, #32, 1, #71, #51, #61, 'a.md', 'trees', 8, 13);

INSERT INTO usage_logs (id, request_id, tenant_id, user_id, api_key_id, conversation_id, message_id, message_deleted,
    agent_type, provider, model, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, total_tokens,
    input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd, is_estimated, requested_at, metadata)
    VALUES (#121, #91, #1, #11, #14, #21, #32, false, 'chat', 'openai', 'gpt-4o', 1, 0, 1, 0, 2, 1, 2, 3, false,
    @now, '{}');
INSERT INTO provider_calls (request_id, tenant_id, user_id, api_key_id, conversation_id, message_id, agent_type,
    provider, model, estimated_input_tokens, requested_at, lease_expires_at)
    VALUES (#91, #1, #11, #14, #21, #32, 'chat', 'openai', 'gpt-4o', 1, @now, @now);
INSERT INTO audit_logs (id, tenant_id, user_id, action, entity_type) VALUES
    (#131, #1, #11, 'conversation_created', 'conversation'), (#132, NULL, #10, 'tenant_created', 'tenant');
INSERT INTO jobs (id, tenant_id, user_id, kind, payload, source_id, state, progress_done, progress_total, attempts,
    fence, run_at) VALUES (#141, #1, #11, 'ingest', '{}', #51, 'queued', 0, 0, 0, 0, @now);
INSERT INTO idempotency_keys (tenant_id, user_id, key, fingerprint, answer_status, answer_body, expires_at)
    VALUES (#1, #11, 'key', @hash1, 201, #1, @now); -- any bytes are a body
