-- Words are cut by the program, the same for every database; `ascii` leaves them as they are.
DROP TRIGGER chunks_forget_words;
DROP TABLE chunk_words;
CREATE VIRTUAL TABLE chunk_words USING fts5 (
    scope,
    content,
    content = '',
    contentless_delete = 1,
    tokenize = 'ascii'
);
CREATE TRIGGER chunks_forget_words AFTER DELETE ON chunks BEGIN
    DELETE FROM chunk_words WHERE rowid = OLD.rowid;
END;
