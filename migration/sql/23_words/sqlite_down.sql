DROP TRIGGER chunks_forget_words;
DROP TABLE chunk_words;
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
INSERT INTO chunk_words (rowid, scope, content)
SELECT c.rowid, 't' || lower(hex(c.tenant_id)) || 'z c' || lower(hex(c.collection_id)) || 'z',
    c.heading_path || char(10) || c.content
FROM chunks c
JOIN sources s ON s.tenant_id = c.tenant_id AND s.id = c.source_id AND s.current_version_id = c.source_version_id;
