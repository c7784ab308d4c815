-- Adds to what a user and its tenant have of a kind, or takes off it. What is nobody's is the tenant's alone; there is
-- nothing to take off where the tenant goes as well. There is one writer, so one shard.
CREATE VIEW quota_changes AS SELECT tenant_id, holder_id AS user_id, kind, amount FROM quota_counts;

CREATE TRIGGER quota_changes_counted INSTEAD OF INSERT ON quota_changes BEGIN
    INSERT INTO quota_counts (tenant_id, holder_id, kind, shard, amount)
    SELECT NEW.tenant_id, holder.id, NEW.kind, 0, 0
    FROM (SELECT NEW.user_id AS id UNION ALL SELECT NEW.tenant_id) AS holder
    WHERE NEW.amount > 0 AND holder.id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM quota_counts q
        WHERE q.tenant_id = NEW.tenant_id AND q.holder_id = holder.id AND q.kind = NEW.kind
    );
    UPDATE quota_counts SET amount = amount + NEW.amount
    WHERE tenant_id = NEW.tenant_id AND holder_id IN (NEW.user_id, NEW.tenant_id) AND kind = NEW.kind;
END;

CREATE TRIGGER api_keys_added AFTER INSERT ON api_keys WHEN NEW.is_active BEGIN
    INSERT INTO quota_changes VALUES (NEW.tenant_id, NEW.user_id, 'api_keys', 1);
END;
CREATE TRIGGER api_keys_removed AFTER DELETE ON api_keys WHEN OLD.is_active BEGIN
    INSERT INTO quota_changes VALUES (OLD.tenant_id, OLD.user_id, 'api_keys', -1);
END;
CREATE TRIGGER api_keys_turned AFTER UPDATE OF is_active ON api_keys WHEN OLD.is_active <> NEW.is_active BEGIN
    INSERT INTO quota_changes VALUES (NEW.tenant_id, NEW.user_id, 'api_keys', NEW.is_active - OLD.is_active);
END;

CREATE TRIGGER collections_added AFTER INSERT ON collections BEGIN
    INSERT INTO quota_changes VALUES (NEW.tenant_id, NEW.user_id, 'collections', 1);
END;
CREATE TRIGGER collections_removed AFTER DELETE ON collections BEGIN
    INSERT INTO quota_changes VALUES (OLD.tenant_id, OLD.user_id, 'collections', -1);
END;

CREATE TRIGGER conversations_added AFTER INSERT ON conversations WHEN NEW.deleted_at IS NULL BEGIN
    INSERT INTO quota_changes VALUES (NEW.tenant_id, NEW.user_id, 'conversations', 1);
END;
CREATE TRIGGER conversations_removed AFTER DELETE ON conversations WHEN OLD.deleted_at IS NULL BEGIN
    INSERT INTO quota_changes VALUES (OLD.tenant_id, OLD.user_id, 'conversations', -1);
END;
CREATE TRIGGER conversations_turned AFTER UPDATE OF deleted_at ON conversations
WHEN (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL) BEGIN
    INSERT INTO quota_changes
    VALUES (NEW.tenant_id, NEW.user_id, 'conversations', (NEW.deleted_at IS NULL) - (OLD.deleted_at IS NULL));
END;

CREATE TRIGGER sources_added AFTER INSERT ON sources BEGIN
    INSERT INTO quota_changes VALUES (NEW.tenant_id, NEW.user_id, 'files', 1);
    INSERT INTO quota_changes VALUES (NEW.tenant_id, NEW.user_id, 'file_bytes', NEW.size_bytes);
END;
CREATE TRIGGER sources_removed AFTER DELETE ON sources BEGIN
    INSERT INTO quota_changes VALUES (OLD.tenant_id, OLD.user_id, 'files', -1);
    INSERT INTO quota_changes VALUES (OLD.tenant_id, OLD.user_id, 'file_bytes', -OLD.size_bytes);
END;
