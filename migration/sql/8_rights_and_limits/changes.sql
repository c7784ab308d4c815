-- Row-level security binds the owner as well, who has no policy on these tables: for the length of
-- this transaction it does not. Nobody sees the tables meanwhile, as ALTER TABLE holds them alone.
--postgres ALTER TABLE roles NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY;

-- The rights of system roles come from the program; rows hold those of a tenant's own roles.
UPDATE roles SET permissions = '[]' WHERE is_system;

-- One live job for each source. Where there are more, the running one stays, else the oldest.
UPDATE jobs SET state = 'dead', lease_expires_at = NULL,
    error = 'ended by an upgrade: another job works on the same file, and a file has one at a time'
WHERE (tenant_id, id) IN (
    SELECT tenant_id, id FROM (
        SELECT tenant_id, id, row_number() OVER (
            PARTITION BY tenant_id, source_id
            ORDER BY CASE state WHEN 'running' THEN 0 ELSE 1 END, created_at, id
        ) AS place
        FROM jobs WHERE state IN ('queued', 'running') AND source_id IS NOT NULL
    ) AS live
    WHERE place > 1
);

CREATE UNIQUE INDEX uq_jobs_live_source ON jobs (tenant_id, source_id) WHERE state IN ('queued', 'running');

--postgres ALTER TABLE roles FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
