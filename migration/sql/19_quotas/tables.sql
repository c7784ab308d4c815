-- How much of what is kept a user or a tenant has (`holder_id`), by kind (`domain::usage::QuotaKind`). Triggers keep it with
-- every row that comes and goes. What there is is the sum over `shard`: of many that add at the same moment each changes a
-- row that no other holds, so that nobody waits. Rows of a user that is gone say nothing any more.
CREATE TABLE quota_counts (
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    holder_id {uuid} NOT NULL,
    kind text NOT NULL CHECK (kind IN ('api_keys', 'collections', 'conversations', 'files', 'file_bytes')),
    shard integer NOT NULL,
    amount bigint NOT NULL,
    {created},
    {updated},
    PRIMARY KEY (tenant_id, holder_id, kind, shard)
) {strict};
