DROP FUNCTION protect_usage_log();
DROP FUNCTION refuse_log_removal();
