-- Vectors as f32, little endian, L2-normalised.
CREATE TABLE chunk_embeddings (
    tenant_id BLOB NOT NULL,
    collection_id BLOB NOT NULL,
    source_id BLOB NOT NULL,
    source_version_id BLOB NOT NULL,
    chunk_id BLOB NOT NULL,
    model TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    embedding BLOB NOT NULL CHECK (length(embedding) = 4 * dimension),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    PRIMARY KEY (tenant_id, chunk_id, model),
    FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX ix_chunk_embeddings_collection ON chunk_embeddings (tenant_id, collection_id);
CREATE INDEX ix_chunk_embeddings_version ON chunk_embeddings (tenant_id, source_version_id);

-- Words of published chunks, rowid = chunks.rowid. `scope` holds tokens for tenant and collection,
-- so that the right to read is matched inside the index. The text itself stands in `chunks` only.
CREATE VIRTUAL TABLE chunk_words USING fts5 (
    scope,
    content,
    content = '',
    contentless_delete = 1,
    tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TRIGGER chunks_forget_words AFTER DELETE ON chunks BEGIN
    DELETE FROM chunk_words WHERE rowid = OLD.rowid;
END;

CREATE TRIGGER sources_status_step BEFORE UPDATE OF status ON sources
WHEN NEW.status <> OLD.status
    AND NOT (OLD.status IN ('uploaded', 'error') AND NEW.status = 'processing')
    AND NOT (OLD.status = 'processing' AND NEW.status IN ('processed', 'error'))
BEGIN
    SELECT RAISE(ABORT, 'sources_status_step: a source may not take this step');
END;

CREATE TRIGGER source_versions_status_step BEFORE UPDATE OF status ON source_versions
WHEN NEW.status <> OLD.status
    AND NOT (OLD.status IN ('uploaded', 'error') AND NEW.status = 'processing')
    AND NOT (OLD.status = 'processing' AND NEW.status IN ('processed', 'error'))
BEGIN
    SELECT RAISE(ABORT, 'source_versions_status_step: a version may not take this step');
END;

CREATE TRIGGER source_versions_clear AFTER DELETE ON source_versions BEGIN
    UPDATE sources SET current_version_id = NULL
    WHERE tenant_id = OLD.tenant_id AND id = OLD.source_id AND current_version_id = OLD.id;
END;

-- What only the user could read goes with the user; the rest passes to the tenant.
CREATE TRIGGER users_clear_knowledge AFTER DELETE ON users BEGIN
    DELETE FROM collections WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id AND visibility <> 'shared';
    DELETE FROM sources WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id AND visibility <> 'shared';
    UPDATE collections SET user_id = NULL WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
    UPDATE sources SET user_id = NULL WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
END;
