-- Notes a row of the ledger as late. There is one writer, so nobody closes a time meanwhile.
CREATE TRIGGER usage_logs_late AFTER INSERT ON usage_logs
WHEN EXISTS (
    SELECT 1 FROM usage_folds f WHERE f.tenant_id = NEW.tenant_id AND NEW.requested_at < f.closed_before
)
BEGIN
    INSERT INTO usage_late (tenant_id, log_id, requested_at, created_at)
    VALUES (NEW.tenant_id, NEW.id, NEW.requested_at, NEW.created_at);
END;
