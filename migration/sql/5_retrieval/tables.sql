-- `user_id` may be a superadmin's, who has no tenant: it refers to the user alone.
CREATE TABLE retrieval_runs (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id {uuid} REFERENCES users (id) ON DELETE CASCADE,
    conversation_id {uuid},
    message_id {uuid},
    query text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('hybrid', 'vector', 'lexical')),
    parameters {json} NOT NULL,
    embedding_model text,
    duration_ms bigint NOT NULL CHECK (duration_ms >= 0),
    {created},
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
        ON DELETE CLEAR (conversation_id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CLEAR (message_id)
) {strict};

CREATE INDEX ix_retrieval_runs_created ON retrieval_runs (tenant_id, created_at, id);
CREATE INDEX ix_retrieval_runs_user ON retrieval_runs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX ix_retrieval_runs_conversation ON retrieval_runs (tenant_id, conversation_id)
    WHERE conversation_id IS NOT NULL;
CREATE INDEX ix_retrieval_runs_message ON retrieval_runs (tenant_id, message_id) WHERE message_id IS NOT NULL;

CREATE TABLE retrieval_hits (
    tenant_id {uuid} NOT NULL,
    retrieval_run_id {uuid} NOT NULL,
    chunk_id {uuid} NOT NULL,
    rank bigint NOT NULL CHECK (rank >= 1),
    score {float} NOT NULL,
    vector_rank bigint,
    vector_score {float},
    lexical_rank bigint,
    lexical_score {float},
    is_used boolean NOT NULL,
    {created},
    PRIMARY KEY (tenant_id, retrieval_run_id, chunk_id),
    FOREIGN KEY (tenant_id, retrieval_run_id) REFERENCES retrieval_runs (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_retrieval_hits_chunk ON retrieval_hits (tenant_id, chunk_id);

CREATE TABLE citations (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    message_id {uuid} NOT NULL,
    citation_index bigint NOT NULL CHECK (citation_index >= 1),
    chunk_id {uuid},
    source_id {uuid},
    source_version_id {uuid},
    filename text NOT NULL,
    page bigint,
    quote text NOT NULL,
    quote_start bigint NOT NULL,
    quote_end bigint NOT NULL,
    {created},
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_citations_index UNIQUE (tenant_id, message_id, citation_index),
    CHECK (quote_start <= quote_end),
    FOREIGN KEY (tenant_id, conversation_id, message_id)
        REFERENCES messages (tenant_id, conversation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks (tenant_id, id) ON DELETE CLEAR (chunk_id),
    FOREIGN KEY (tenant_id, source_id) REFERENCES sources (tenant_id, id) ON DELETE CLEAR (source_id),
    FOREIGN KEY (tenant_id, source_version_id) REFERENCES source_versions (tenant_id, id)
        ON DELETE CLEAR (source_version_id)
) {strict};

CREATE INDEX ix_citations_message ON citations (tenant_id, conversation_id, message_id);
CREATE INDEX ix_citations_chunk ON citations (tenant_id, chunk_id) WHERE chunk_id IS NOT NULL;
CREATE INDEX ix_citations_source ON citations (tenant_id, source_id) WHERE source_id IS NOT NULL;
CREATE INDEX ix_citations_version ON citations (tenant_id, source_version_id) WHERE source_version_id IS NOT NULL;
