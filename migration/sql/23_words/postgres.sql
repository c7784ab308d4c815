-- Words are cut by the program, the same for every database; no more by the database as a column of the chunk.
ALTER TABLE chunks DROP COLUMN search;
DROP FUNCTION words_of(text);
DROP TEXT SEARCH CONFIGURATION chunk_words;
DROP TEXT SEARCH DICTIONARY english_stems;

-- The words of published chunks. `search` also holds tokens of tenant and collection, so that the right to read is
-- matched inside the index.
CREATE TABLE chunk_words (
    tenant_id uuid NOT NULL,
    chunk_id uuid NOT NULL,
    search tsvector NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, chunk_id),
    FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks (tenant_id, id) ON DELETE CASCADE
);
-- Each search reads all of the list of pending entries, so it is kept short (in kB; the default is 4096).
CREATE INDEX ix_chunk_words_search ON chunk_words USING gin (search) WITH (gin_pending_list_limit = 256);
