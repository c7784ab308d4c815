ALTER TABLE source_versions DROP COLUMN charset;
