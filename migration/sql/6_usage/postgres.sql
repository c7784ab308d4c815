-- Append-only, for its owner as well: of a row only references may be cleared, by the deletion of
-- what they name, and a row goes only with its tenant.
CREATE FUNCTION protect_usage_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    references_of_row CONSTANT text[] :=
        ARRAY['user_id', 'api_key_id', 'conversation_id', 'message_id', 'message_deleted'];
BEGIN
    IF to_jsonb(NEW) - references_of_row <> to_jsonb(OLD) - references_of_row
        OR (NEW.user_id IS NOT NULL AND NEW.user_id IS DISTINCT FROM OLD.user_id)
        OR (NEW.api_key_id IS NOT NULL AND NEW.api_key_id IS DISTINCT FROM OLD.api_key_id)
        OR (NEW.conversation_id IS NOT NULL AND NEW.conversation_id IS DISTINCT FROM OLD.conversation_id)
        OR (NEW.message_id IS NOT NULL AND NEW.message_id IS DISTINCT FROM OLD.message_id)
        OR (OLD.message_deleted AND NOT NEW.message_deleted)
    THEN
        RAISE EXCEPTION 'usage_logs is append-only; add a row that corrects the old one'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'usage_logs_append_only';
    END IF;
    NEW.message_deleted := NEW.message_deleted OR (OLD.message_id IS NOT NULL AND NEW.message_id IS NULL);
    RETURN NEW;
END
$$;

CREATE TRIGGER usage_logs_append_only BEFORE UPDATE ON usage_logs
FOR EACH ROW EXECUTE FUNCTION protect_usage_log();

-- Shared by the append-only tables: while the tenant of a row exists, the row does.
CREATE FUNCTION refuse_log_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF OLD.tenant_id IS NULL OR EXISTS (SELECT FROM public.tenants WHERE id = OLD.tenant_id) THEN
        RAISE EXCEPTION '% is append-only; its rows cannot be deleted', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_append_only';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER usage_logs_no_removal BEFORE DELETE ON usage_logs
FOR EACH ROW EXECUTE FUNCTION refuse_log_removal();
