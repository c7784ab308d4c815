DROP FUNCTION protect_audit_log();
