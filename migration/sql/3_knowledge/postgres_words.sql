-- The words of a text, as SQLite's FTS5 has them (`porter unicode61 remove_diacritics 2`): runs of
-- letters and digits without case and diacritics, reduced to English stems; no word is left out.
CREATE TEXT SEARCH DICTIONARY english_stems (TEMPLATE = pg_catalog.snowball, Language = english);
CREATE TEXT SEARCH CONFIGURATION chunk_words (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION chunk_words ALTER MAPPING FOR asciiword, word WITH english_stems;

-- All punctuation becomes a space first: PostgreSQL's parser keeps together what looks like a host, a
-- path or a number (`os.path.join`). It is written out, as classes of characters follow the locale of
-- the database.
CREATE FUNCTION words_of(content text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_tsvector('chunk_words'::regconfig, regexp_replace(
    normalize(regexp_replace(normalize(content, NFD), '[\u0300-\u036f]+', '', 'g'), NFC),
    '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u2000-\u206f\u20a0-\u20cf'
    '\u2190-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+',
    ' ', 'g'));
