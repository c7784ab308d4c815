-- An address is taken within a tenant, and among superadmins: who is a customer elsewhere is nobody's to learn.
DROP INDEX uq_users_email;
CREATE UNIQUE INDEX uq_users_email ON users (tenant_id, email) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_users_superadmin_email ON users (email) WHERE tenant_id IS NULL AND deleted_at IS NULL;
-- Sign-in looks for an address before a tenant is known.
CREATE INDEX ix_users_email ON users (email) WHERE deleted_at IS NULL;
