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

--postgres ALTER TABLE retrieval_runs NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE chunks NO FORCE ROW LEVEL SECURITY;

-- Hits whose chunk is gone went with it before.
--postgres INSERT INTO retrieval_hits (tenant_id, retrieval_run_id, chunk_id, rank, score, vector_rank, vector_score,
--postgres     lexical_rank, lexical_score, is_used, created_at)
--postgres SELECT r.tenant_id, r.id, h.chunk_id, h.rank, h.score, h.vector_rank, h.vector_score, h.lexical_rank,
--postgres     h.lexical_score, h.is_used, r.created_at
--postgres FROM retrieval_runs r, jsonb_to_recordset(r.hits) AS h (chunk_id uuid, rank bigint, score float8,
--postgres     vector_rank bigint, vector_score float8, lexical_rank bigint, lexical_score float8, is_used boolean)
--postgres WHERE EXISTS (SELECT FROM chunks c WHERE c.tenant_id = r.tenant_id AND c.id = h.chunk_id);
--sqlite INSERT INTO retrieval_hits (tenant_id, retrieval_run_id, chunk_id, rank, score, vector_rank, vector_score,
--sqlite     lexical_rank, lexical_score, is_used, created_at)
--sqlite SELECT r.tenant_id, r.id, c.id, h.value ->> 'rank', h.value ->> 'score', h.value ->> 'vector_rank',
--sqlite     h.value ->> 'vector_score', h.value ->> 'lexical_rank', h.value ->> 'lexical_score', h.value ->> 'is_used',
--sqlite     r.created_at
--sqlite FROM retrieval_runs r, json_each(r.hits) h
--sqlite JOIN chunks c ON c.tenant_id = r.tenant_id AND c.id = unhex(h.value ->> 'chunk_id', '-');

--postgres ALTER TABLE retrieval_runs FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE retrieval_runs DROP COLUMN hits;
