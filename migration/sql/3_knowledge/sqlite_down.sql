DROP TRIGGER users_clear_knowledge;
DROP TRIGGER chunks_forget_words;
DROP TABLE chunk_words;
