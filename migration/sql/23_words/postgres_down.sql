DROP TABLE chunk_words;
ALTER TABLE chunks ADD COLUMN search tsvector GENERATED ALWAYS AS
    (words_of(heading_path::text || ' ' || content) || array_to_tsvector(
        ARRAY['t:' || tenant_id::text, 'c:' || collection_id::text])) STORED;
CREATE INDEX ix_chunks_search ON chunks USING gin (search) WITH (gin_pending_list_limit = 256);
