-- Append-only: of a row only references may be cleared, by the deletion of what they name, and a
-- row goes only with its tenant.
CREATE TRIGGER usage_logs_append_only BEFORE UPDATE ON usage_logs
WHEN NEW.id <> OLD.id
    OR NEW.request_id <> OLD.request_id
    OR NEW.tenant_id <> OLD.tenant_id
    OR NEW.agent_type <> OLD.agent_type
    OR NEW.provider <> OLD.provider
    OR NEW.model <> OLD.model
    OR NEW.price_id IS NOT OLD.price_id
    OR NEW.input_tokens <> OLD.input_tokens
    OR NEW.cached_input_tokens <> OLD.cached_input_tokens
    OR NEW.output_tokens <> OLD.output_tokens
    OR NEW.reasoning_tokens <> OLD.reasoning_tokens
    OR NEW.total_tokens <> OLD.total_tokens
    OR NEW.input_cost_nano_usd IS NOT OLD.input_cost_nano_usd
    OR NEW.output_cost_nano_usd IS NOT OLD.output_cost_nano_usd
    OR NEW.cost_nano_usd IS NOT OLD.cost_nano_usd
    OR NEW.is_estimated <> OLD.is_estimated
    OR NEW.corrects_id IS NOT OLD.corrects_id
    OR NEW.requested_at <> OLD.requested_at
    OR NEW.responded_at IS NOT OLD.responded_at
    OR NEW.duration_ms IS NOT OLD.duration_ms
    OR NEW.metadata <> OLD.metadata
    OR NEW.created_at <> OLD.created_at
    OR (NEW.user_id IS NOT NULL AND NEW.user_id IS NOT OLD.user_id)
    OR (NEW.api_key_id IS NOT NULL AND NEW.api_key_id IS NOT OLD.api_key_id)
    OR (NEW.conversation_id IS NOT NULL AND NEW.conversation_id IS NOT OLD.conversation_id)
    OR (NEW.message_id IS NOT NULL AND NEW.message_id IS NOT OLD.message_id)
    OR (OLD.message_deleted AND NOT NEW.message_deleted)
BEGIN
    SELECT RAISE(ABORT, 'usage_logs_append_only: usage_logs is append-only; add a row that corrects the old one');
END;

CREATE TRIGGER usage_logs_no_removal BEFORE DELETE ON usage_logs
WHEN EXISTS (SELECT 1 FROM tenants WHERE id = OLD.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'usage_logs_append_only: usage_logs is append-only; its rows cannot be deleted');
END;

CREATE TRIGGER api_keys_clear_usage AFTER DELETE ON api_keys BEGIN
    UPDATE usage_logs SET api_key_id = NULL WHERE tenant_id = OLD.tenant_id AND api_key_id = OLD.id;
    UPDATE provider_calls SET api_key_id = NULL WHERE tenant_id = OLD.tenant_id AND api_key_id = OLD.id;
END;

CREATE TRIGGER conversations_clear_usage AFTER DELETE ON conversations BEGIN
    UPDATE usage_logs SET conversation_id = NULL WHERE tenant_id = OLD.tenant_id AND conversation_id = OLD.id;
    UPDATE provider_calls SET conversation_id = NULL
    WHERE tenant_id = OLD.tenant_id AND conversation_id = OLD.id;
END;

CREATE TRIGGER messages_clear_usage AFTER DELETE ON messages BEGIN
    UPDATE usage_logs SET message_id = NULL, message_deleted = 1
    WHERE tenant_id = OLD.tenant_id AND message_id = OLD.id;
    UPDATE provider_calls SET message_id = NULL WHERE tenant_id = OLD.tenant_id AND message_id = OLD.id;
END;
