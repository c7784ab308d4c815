-- How far a tenant's ledger is folded into daily sums (`domain::usage::daily`). Rows requested before
-- `closed_before` that are added from then on are late; those before `folded_before` are in the sums, unless
-- they are noted as late.
CREATE TABLE usage_folds (
    tenant_id {uuid} NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    closed_before {time} NOT NULL,
    folded_before {time},
    {created},
    {updated},
    CHECK (folded_before <= closed_before)
) {strict};

-- Rows of the ledger that came late: they count by themselves until their day is added up anew.
CREATE TABLE usage_late (
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    log_id {uuid} NOT NULL,
    requested_at {time} NOT NULL,
    {created},
    PRIMARY KEY (tenant_id, log_id),
    FOREIGN KEY (tenant_id, log_id) REFERENCES usage_logs (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_usage_late_requested ON usage_late (tenant_id, requested_at);

-- The sums of a UTC day, by all that a summary groups by. A day's rows are replaced together, and counted
-- from 1: a user that is gone leaves rows that are alike, so nothing else is unique. As in the ledger,
-- `user_id` may be a superadmin's.
CREATE TABLE usage_daily (
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    day {time} NOT NULL,
    number bigint NOT NULL CHECK (number >= 1),
    user_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
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
    PRIMARY KEY (tenant_id, day, number)
) {strict};

-- One's own sums; and for clearing what is deleted.
CREATE INDEX ix_usage_daily_user ON usage_daily (user_id, day) WHERE user_id IS NOT NULL;
