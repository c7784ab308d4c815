DROP TRIGGER users_remove_private_knowledge ON users;
DROP FUNCTION remove_private_knowledge();
DROP FUNCTION check_processing_step();
DROP FUNCTION words_of(text);
DROP TEXT SEARCH CONFIGURATION chunk_words;
DROP TEXT SEARCH DICTIONARY english_stems;
