-- The charset that a text was read in; a guess must be seen to be mended.
ALTER TABLE source_versions ADD COLUMN charset text;
