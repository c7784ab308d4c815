-- `tenant_id` is null for acts on the installation. `user_id` may be a superadmin's, who has no
-- tenant: it refers to the user alone.
CREATE TABLE audit_logs (
    id {uuid} NOT NULL PRIMARY KEY,
    tenant_id {uuid} REFERENCES tenants (id) ON DELETE CASCADE,
    user_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
    action text NOT NULL,
    entity_type text NOT NULL,
    entity_id {uuid},
    changes {json},
    ip_address text,
    user_agent text,
    {created}
) {strict};

CREATE INDEX ix_audit_logs_entity ON audit_logs (tenant_id, entity_type, entity_id);
CREATE INDEX ix_audit_logs_tenant_user ON audit_logs (tenant_id, user_id);
CREATE INDEX ix_audit_logs_created ON audit_logs (tenant_id, created_at, id);
CREATE INDEX ix_audit_logs_user ON audit_logs (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE jobs (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
    kind text NOT NULL,
    payload {json} NOT NULL,
    source_id {uuid},
    state text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'dead')),
    step text,
    progress_done bigint NOT NULL CHECK (progress_done >= 0),
    progress_total bigint NOT NULL CHECK (progress_total >= 0),
    attempts bigint NOT NULL CHECK (attempts >= 0),
    fence bigint NOT NULL,
    lease_expires_at {time},
    run_at {time} NOT NULL,
    error text,
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    CHECK (state <> 'running' OR lease_expires_at IS NOT NULL),
    FOREIGN KEY (tenant_id, source_id) REFERENCES sources (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_jobs_due ON jobs (run_at, created_at) WHERE state = 'queued';
CREATE INDEX ix_jobs_lease ON jobs (lease_expires_at) WHERE state = 'running';
CREATE INDEX ix_jobs_running_tenant ON jobs (tenant_id) WHERE state = 'running';
CREATE INDEX ix_jobs_source ON jobs (tenant_id, source_id, created_at) WHERE source_id IS NOT NULL;
CREATE INDEX ix_jobs_user ON jobs (user_id) WHERE user_id IS NOT NULL;
-- A lease names the job alone; workers renew it across tenants.
CREATE INDEX ix_jobs_id ON jobs (id);

CREATE TABLE idempotency_keys (
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint text NOT NULL CHECK (length(fingerprint) = 64),
    answer_status integer NOT NULL,
    answer_body {bytes} NOT NULL,
    {created},
    {updated},
    expires_at {time} NOT NULL,
    PRIMARY KEY (tenant_id, user_id, key)
) {strict};

CREATE INDEX ix_idempotency_keys_expires ON idempotency_keys (expires_at);
CREATE INDEX ix_idempotency_keys_user ON idempotency_keys (user_id);
