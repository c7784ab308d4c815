-- Prices are the installation's, the same for every tenant.
CREATE TABLE model_prices (
    id {uuid} NOT NULL PRIMARY KEY,
    provider text NOT NULL,
    model text NOT NULL,
    input_pico_usd_per_token bigint NOT NULL CHECK (input_pico_usd_per_token >= 0),
    cached_input_pico_usd_per_token bigint CHECK (cached_input_pico_usd_per_token >= 0),
    output_pico_usd_per_token bigint NOT NULL CHECK (output_pico_usd_per_token >= 0),
    valid_from {time} NOT NULL,
    valid_to {time},
    source text NOT NULL,
    {created},
    {updated},
    CONSTRAINT uq_model_prices_model UNIQUE (provider, model, valid_from),
    CHECK (valid_from < valid_to)
) {strict};

-- The ledger. `user_id` may be a superadmin's, who has no tenant: it refers to the user alone.
CREATE TABLE usage_logs (
    id {uuid} NOT NULL,
    request_id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
    api_key_id {uuid},
    conversation_id {uuid},
    message_id {uuid},
    message_deleted boolean NOT NULL,
    agent_type text NOT NULL CHECK (agent_type IN
        ('routing', 'chat', 'artifact', 'git_mcp', 'text2sql', 'transcription', 'image', 'embedding', 'rerank')),
    provider text NOT NULL,
    model text NOT NULL,
    price_id {uuid} REFERENCES model_prices (id),
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    cached_input_tokens bigint NOT NULL CHECK (cached_input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    reasoning_tokens bigint NOT NULL CHECK (reasoning_tokens >= 0),
    total_tokens bigint NOT NULL CHECK (total_tokens = input_tokens + output_tokens),
    input_cost_nano_usd bigint,
    output_cost_nano_usd bigint,
    cost_nano_usd bigint,
    is_estimated boolean NOT NULL,
    corrects_id {uuid},
    requested_at {time} NOT NULL,
    responded_at {time},
    duration_ms bigint,
    metadata {json} NOT NULL,
    {created},
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_usage_logs_request UNIQUE (tenant_id, request_id),
    CHECK (cost_nano_usd = input_cost_nano_usd + output_cost_nano_usd),
    FOREIGN KEY (tenant_id, api_key_id) REFERENCES api_keys (tenant_id, id) ON DELETE CLEAR (api_key_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
        ON DELETE CLEAR (conversation_id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CLEAR (message_id),
    FOREIGN KEY (tenant_id, corrects_id) REFERENCES usage_logs (tenant_id, id)
) {strict};

CREATE INDEX ix_usage_logs_user_requested ON usage_logs (tenant_id, user_id, requested_at);
CREATE INDEX ix_usage_logs_agent_requested ON usage_logs (tenant_id, agent_type, requested_at);
CREATE INDEX ix_usage_logs_requested ON usage_logs (tenant_id, requested_at);
CREATE INDEX ix_usage_logs_conversation ON usage_logs (tenant_id, conversation_id)
    WHERE conversation_id IS NOT NULL;
CREATE INDEX ix_usage_logs_message ON usage_logs (tenant_id, message_id) WHERE message_id IS NOT NULL;
-- For clearing what is deleted.
CREATE INDEX ix_usage_logs_user ON usage_logs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX ix_usage_logs_api_key ON usage_logs (tenant_id, api_key_id) WHERE api_key_id IS NOT NULL;
CREATE INDEX ix_usage_logs_corrects ON usage_logs (tenant_id, corrects_id) WHERE corrects_id IS NOT NULL;

-- Calls under way. A row lives as long as its call.
CREATE TABLE provider_calls (
    request_id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
    api_key_id {uuid},
    conversation_id {uuid},
    message_id {uuid},
    agent_type text NOT NULL CHECK (agent_type IN
        ('routing', 'chat', 'artifact', 'git_mcp', 'text2sql', 'transcription', 'image', 'embedding', 'rerank')),
    provider text NOT NULL,
    model text NOT NULL,
    estimated_input_tokens bigint NOT NULL,
    requested_at {time} NOT NULL,
    lease_expires_at {time} NOT NULL,
    {created},
    {updated},
    PRIMARY KEY (tenant_id, request_id),
    FOREIGN KEY (tenant_id, api_key_id) REFERENCES api_keys (tenant_id, id) ON DELETE CLEAR (api_key_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
        ON DELETE CLEAR (conversation_id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CLEAR (message_id)
) {strict};

CREATE INDEX ix_provider_calls_lease ON provider_calls (lease_expires_at);
