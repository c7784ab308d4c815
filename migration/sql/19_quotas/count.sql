-- What is there already. Row-level security binds the owner as well: for the length of this transaction it does not.
--postgres ALTER TABLE quota_counts NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE collections NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;

INSERT INTO quota_counts (tenant_id, holder_id, kind, shard, amount)
SELECT tenant_id, holder_id, kind, 0, sum(amount)
FROM (
    SELECT there.tenant_id, CASE WHEN holder.is_user THEN there.user_id ELSE there.tenant_id END AS holder_id,
        there.kind, there.amount
    FROM (
        SELECT tenant_id, user_id, 'api_keys' AS kind, 1 AS amount FROM api_keys WHERE is_active
        UNION ALL SELECT tenant_id, user_id, 'collections', 1 FROM collections
        UNION ALL SELECT tenant_id, user_id, 'conversations', 1 FROM conversations WHERE deleted_at IS NULL
        UNION ALL SELECT tenant_id, user_id, 'files', 1 FROM sources
        UNION ALL SELECT tenant_id, user_id, 'file_bytes', size_bytes FROM sources
    ) AS there
    CROSS JOIN (SELECT true AS is_user UNION ALL SELECT false) AS holder
) AS held
WHERE holder_id IS NOT NULL
GROUP BY tenant_id, holder_id, kind;

--postgres ALTER TABLE sources FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE collections FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE quota_counts FORCE ROW LEVEL SECURITY;
