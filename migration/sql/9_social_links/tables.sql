CREATE TABLE social_links (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    platform text NOT NULL CHECK (platform IN ('twitter', 'facebook', 'linkedin', 'instagram', 'youtube')),
    url text NOT NULL CHECK (length(url) <= 2048),
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_social_links_platform UNIQUE (tenant_id, platform)
) {strict};

CREATE INDEX ix_social_links_created ON social_links (tenant_id, created_at, id);
