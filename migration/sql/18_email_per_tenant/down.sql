DROP INDEX ix_users_email;
DROP INDEX uq_users_superadmin_email;
DROP INDEX uq_users_email;
-- Refused where two tenants have one address by then: the version before cannot tell their users apart.
CREATE UNIQUE INDEX uq_users_email ON users (email) WHERE deleted_at IS NULL;
