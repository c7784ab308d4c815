-- The sums of a UTC day over all users of a tenant: what a summary of the whole tenant reads, however many they are.
CREATE TABLE usage_daily_totals (
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    day {time} NOT NULL,
    agent_type text NOT NULL CHECK (agent_type IN
        ('routing', 'chat', 'artifact', 'git_mcp', 'text2sql', 'transcription', 'image', 'embedding', 'rerank')),
    provider text NOT NULL,
    model text NOT NULL,
    request_count bigint NOT NULL CHECK (request_count >= 1),
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    cost_nano_usd bigint NOT NULL,
    unknown_cost_count bigint NOT NULL CHECK (unknown_cost_count >= 0),
    {created},
    PRIMARY KEY (tenant_id, day, agent_type, provider, model)
) {strict};

-- The rows that are there are those of all tenants, which row-level security hides from the owner too.
--postgres ALTER TABLE usage_daily NO FORCE ROW LEVEL SECURITY;
INSERT INTO usage_daily_totals (tenant_id, day, agent_type, provider, model, request_count, input_tokens,
    output_tokens, cost_nano_usd, unknown_cost_count, created_at)
SELECT tenant_id, day, agent_type, provider, model, SUM(request_count), SUM(input_tokens), SUM(output_tokens),
    SUM(cost_nano_usd), SUM(unknown_cost_count), MIN(created_at)
FROM usage_daily GROUP BY tenant_id, day, agent_type, provider, model;
--postgres ALTER TABLE usage_daily FORCE ROW LEVEL SECURITY;
