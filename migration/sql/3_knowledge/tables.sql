CREATE TABLE collections (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id {uuid},
    parent_id {uuid},
    name text NOT NULL,
    description text,
    visibility text NOT NULL CHECK (visibility IN ('private', 'restricted', 'shared')),
    chunking {json} NOT NULL,
    chunk_count bigint NOT NULL CHECK (chunk_count >= 0),
    generation bigint NOT NULL,
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    CHECK (parent_id <> id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CLEAR (user_id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES collections (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_collections_created ON collections (tenant_id, created_at, id);
CREATE INDEX ix_collections_user ON collections (tenant_id, user_id, created_at, id);
CREATE INDEX ix_collections_parent ON collections (tenant_id, parent_id, created_at, id);

CREATE TABLE sources (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    collection_id {uuid} NOT NULL,
    user_id {uuid},
    name text NOT NULL,
    visibility text CHECK (visibility IN ('private', 'restricted', 'shared')),
    filename text NOT NULL,
    storage_key text NOT NULL,
    storage_type text NOT NULL,
    mime_type text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    content_hash text NOT NULL CHECK (length(content_hash) = 64),
    status text NOT NULL CHECK (status IN ('uploaded', 'processing', 'processed', 'error')),
    error text,
    processed_at {time},
    current_version_id {uuid},
    metadata {json} NOT NULL,
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_sources_collection_id UNIQUE (tenant_id, collection_id, id),
    CONSTRAINT uq_sources_content_hash UNIQUE (tenant_id, collection_id, content_hash),
--sqlite    FOREIGN KEY (tenant_id, id, current_version_id) REFERENCES source_versions (tenant_id, source_id, id)
--sqlite        DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CLEAR (user_id),
    FOREIGN KEY (tenant_id, collection_id) REFERENCES collections (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_sources_collection_created ON sources (tenant_id, collection_id, created_at, id);
CREATE INDEX ix_sources_user ON sources (tenant_id, user_id);
CREATE INDEX ix_sources_storage_key ON sources (tenant_id, storage_key);

-- `collection_id` is the source's: the key with all three makes it so, and that of chunks below it.
CREATE TABLE source_versions (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    source_id {uuid} NOT NULL,
    collection_id {uuid} NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    status text NOT NULL CHECK (status IN ('uploaded', 'processing', 'processed', 'error')),
    error text,
    content_hash text NOT NULL CHECK (length(content_hash) = 64),
    text_storage_key text,
    character_count bigint NOT NULL,
    page_count bigint,
    chunking {json} NOT NULL,
    chunk_count bigint NOT NULL,
    embedding_model text,
    embedding_dimension bigint,
    published_at {time},
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_source_versions_source_id UNIQUE (tenant_id, source_id, id),
    CONSTRAINT uq_source_versions_collection_id UNIQUE (tenant_id, collection_id, source_id, id),
    CONSTRAINT uq_source_versions_version UNIQUE (tenant_id, source_id, version),
    FOREIGN KEY (tenant_id, collection_id, source_id) REFERENCES sources (tenant_id, collection_id, id)
        ON DELETE CASCADE
) {strict};

--postgres ALTER TABLE sources ADD FOREIGN KEY (tenant_id, id, current_version_id)
--postgres     REFERENCES source_versions (tenant_id, source_id, id)
--postgres     ON DELETE SET NULL (current_version_id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX ix_source_versions_text ON source_versions (tenant_id, text_storage_key)
    WHERE text_storage_key IS NOT NULL;
CREATE INDEX ix_sources_current_version ON sources (tenant_id, id, current_version_id)
    WHERE current_version_id IS NOT NULL;

-- `search` holds the words and, behind `t:` and `c:`, tenant and collection, so that the right to read
-- is matched inside the index; no word holds a colon.
-- On SQLite the row's number is declared, so that it is stable: the words of a chunk stand in
-- `chunk_words` under `rowid = chunks.rowid`.
CREATE TABLE chunks (
--sqlite    rowid integer NOT NULL PRIMARY KEY,
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    collection_id {uuid} NOT NULL,
    source_id {uuid} NOT NULL,
    source_version_id {uuid} NOT NULL,
    ordinal bigint NOT NULL CHECK (ordinal >= 0),
    content text NOT NULL,
    heading_path {json} NOT NULL,
    page bigint CHECK (page >= 1),
    start_offset bigint NOT NULL CHECK (start_offset >= 0),
    end_offset bigint NOT NULL,
    token_count bigint NOT NULL,
    {created},
--postgres    search tsvector GENERATED ALWAYS AS
--postgres        (words_of(heading_path::text || ' ' || content) || array_to_tsvector(
--postgres            ARRAY['t:' || tenant_id::text, 'c:' || collection_id::text])) STORED,
--postgres    PRIMARY KEY (tenant_id, id),
--sqlite    CONSTRAINT uq_chunks_id UNIQUE (tenant_id, id),
    CONSTRAINT uq_chunks_ordinal UNIQUE (tenant_id, source_version_id, ordinal),
    CHECK (start_offset <= end_offset),
    FOREIGN KEY (tenant_id, collection_id, source_id, source_version_id)
        REFERENCES source_versions (tenant_id, collection_id, source_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_chunks_place ON chunks (tenant_id, collection_id, source_id, source_version_id);
-- Each search on PostgreSQL reads all of the list of pending entries, so it is kept short (in kB; the default is 4096).
--postgres CREATE INDEX ix_chunks_search ON chunks USING gin (search) WITH (gin_pending_list_limit = 256);
