DROP TRIGGER usage_logs_late;
