DROP TRIGGER usage_logs_late ON usage_logs;
DROP FUNCTION note_late_usage();
