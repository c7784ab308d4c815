-- `tenant_id` is null for superadmins only, so the key is `id` alone; what belongs to a tenant
-- refers to (tenant_id, id).
CREATE TABLE users (
    id {uuid} NOT NULL PRIMARY KEY,
    tenant_id {uuid} REFERENCES tenants (id) ON DELETE CASCADE,
    email text NOT NULL CHECK (email LIKE '%_@_%' AND email = lower(email{collate_c})),
    username text NOT NULL CHECK (length(username) BETWEEN 1 AND 64),
    password_hash text,
    display_name text,
    first_name text,
    last_name text,
    avatar_url text,
    is_active boolean NOT NULL,
    email_verified boolean NOT NULL,
    email_verified_at {time},
    last_login_at {time},
    last_login_ip text,
    daily_request_quota bigint,
    {created},
    {updated},
    deleted_at {time},
    CONSTRAINT uq_users_tenant_id UNIQUE (tenant_id, id),
    CONSTRAINT uq_users_username UNIQUE (tenant_id, username)
) {strict};

CREATE UNIQUE INDEX uq_users_email ON users (email) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_users_superadmin_username ON users (username) WHERE tenant_id IS NULL;
CREATE INDEX ix_users_active ON users (tenant_id, is_active);
CREATE INDEX ix_users_created ON users (tenant_id, created_at, id);

CREATE TABLE roles (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name text NOT NULL,
    description text,
    permissions {json} NOT NULL,
    is_system boolean NOT NULL,
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_roles_name UNIQUE (tenant_id, name)
) {strict};

-- `assigned_by` may be a superadmin, who has no tenant: it refers to the user alone.
CREATE TABLE user_roles (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    role_id {uuid} NOT NULL,
    assigned_at {time} NOT NULL,
    assigned_by {uuid} REFERENCES users (id) ON DELETE SET NULL,
    {created},
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_user_roles_user_role UNIQUE (tenant_id, user_id, role_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, role_id) REFERENCES roles (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_user_roles_role ON user_roles (tenant_id, role_id);
CREATE INDEX ix_user_roles_assigned_by ON user_roles (assigned_by) WHERE assigned_by IS NOT NULL;

-- A superadmin's session has no tenant. A composite key with a null in it is not checked, so the
-- user is referred to alone as well.
CREATE TABLE sessions (
    id {uuid} NOT NULL PRIMARY KEY,
    tenant_id {uuid},
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash text CONSTRAINT uq_sessions_token_hash UNIQUE CHECK (length(token_hash) = 64),
    version bigint NOT NULL,
    ip_address text,
    user_agent text,
    expires_at {time} NOT NULL,
    idle_expires_at {time} NOT NULL,
    revoked_at {time},
    {created},
    {updated},
    CONSTRAINT uq_sessions_tenant_id UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_sessions_user ON sessions (user_id);
CREATE INDEX ix_sessions_tenant_user ON sessions (tenant_id, user_id);
CREATE INDEX ix_sessions_expires ON sessions (tenant_id, expires_at);

CREATE TABLE refresh_tokens (
    id {uuid} NOT NULL PRIMARY KEY,
    tenant_id {uuid},
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id {uuid} NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    token_hash text NOT NULL CONSTRAINT uq_refresh_tokens_token_hash UNIQUE CHECK (length(token_hash) = 64),
    expires_at {time} NOT NULL,
    used_at {time},
    {created},
    {updated},
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX ix_refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX ix_refresh_tokens_tenant_user ON refresh_tokens (tenant_id, user_id);
CREATE INDEX ix_refresh_tokens_tenant_session ON refresh_tokens (tenant_id, session_id);
CREATE INDEX ix_refresh_tokens_expires ON refresh_tokens (tenant_id, expires_at);

CREATE TABLE api_keys (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    name text NOT NULL,
    description text,
    prefix text NOT NULL,
    last_four text NOT NULL,
    key_hash text NOT NULL CONSTRAINT uq_api_keys_key_hash UNIQUE CHECK (length(key_hash) = 64),
    scopes {json},
    is_active boolean NOT NULL,
    expires_at {time},
    last_used_at {time},
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_api_keys_user_created ON api_keys (tenant_id, user_id, created_at, id);
CREATE INDEX ix_api_keys_expires ON api_keys (tenant_id, expires_at);
