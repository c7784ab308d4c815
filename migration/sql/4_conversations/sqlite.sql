-- I7: `pending → streaming | complete | stopped | error | interrupted`,
-- `streaming → complete | stopped | error | interrupted`.
CREATE TRIGGER messages_status_step BEFORE UPDATE OF status ON messages
WHEN NEW.status <> OLD.status
    AND NOT (OLD.status = 'pending' OR (OLD.status = 'streaming' AND NEW.status <> 'pending'))
BEGIN
    SELECT RAISE(ABORT, 'messages_status_step: a message may not take this step');
END;

-- I2: a child comes after its parent. A parent that is missing is the foreign key's affair.
CREATE TRIGGER messages_seq_after_parent BEFORE INSERT ON messages
WHEN EXISTS (
    SELECT 1 FROM messages parent
    WHERE parent.tenant_id = NEW.tenant_id AND parent.id = NEW.parent_id AND parent.seq >= NEW.seq
)
BEGIN
    SELECT RAISE(ABORT, 'messages_seq_after_parent: the seq of a message must be greater than its parent''s');
END;

-- I6: the role of a message may follow its parent's, or stand at the root.
CREATE TRIGGER messages_grammar BEFORE INSERT ON messages
WHEN NOT NEW.irregular AND NOT CASE
    WHEN NEW.parent_id IS NULL THEN NEW.role IN ('system', 'user')
    WHEN NEW.role = 'system' THEN 0
    ELSE (
        SELECT CASE NEW.role
            WHEN 'user' THEN parent.role <> 'user'
            WHEN 'assistant' THEN parent.role IN ('user', 'tool', 'assistant')
            WHEN 'tool' THEN parent.role = 'assistant'
        END
        FROM messages parent WHERE parent.tenant_id = NEW.tenant_id AND parent.id = NEW.parent_id
    )
END
BEGIN
    SELECT RAISE(ABORT, 'messages_grammar: a message of this role may not follow its parent');
END;

-- I2: the place of a message never changes, so no cycle can arise.
CREATE TRIGGER messages_place_is_fixed BEFORE UPDATE OF conversation_id, parent_id, seq ON messages
WHEN NEW.conversation_id <> OLD.conversation_id OR NEW.parent_id IS NOT OLD.parent_id OR NEW.seq <> OLD.seq
BEGIN
    SELECT RAISE(ABORT, 'messages_place_is_fixed: the parent and seq of a message never change');
END;

CREATE TRIGGER messages_clear AFTER DELETE ON messages BEGIN
    UPDATE conversations SET current_message_id = NULL
    WHERE tenant_id = OLD.tenant_id AND id = OLD.conversation_id AND current_message_id = OLD.id;
    UPDATE messages SET active_child_id = NULL
    WHERE tenant_id = OLD.tenant_id AND id = OLD.parent_id AND active_child_id = OLD.id;
    UPDATE messages SET edited_from_id = NULL
    WHERE tenant_id = OLD.tenant_id AND conversation_id = OLD.conversation_id AND edited_from_id = OLD.id;
    UPDATE messages SET regenerated_from_id = NULL
    WHERE tenant_id = OLD.tenant_id AND conversation_id = OLD.conversation_id AND regenerated_from_id = OLD.id;
    UPDATE messages SET forked_from_id = NULL WHERE tenant_id = OLD.tenant_id AND forked_from_id = OLD.id;
END;

CREATE TRIGGER conversations_clear AFTER DELETE ON conversations BEGIN
    UPDATE conversations SET forked_from_conversation_id = NULL
    WHERE tenant_id = OLD.tenant_id AND forked_from_conversation_id = OLD.id;
END;

CREATE TRIGGER users_clear_messages AFTER DELETE ON users BEGIN
    UPDATE messages SET user_id = NULL WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
END;

CREATE TRIGGER api_keys_clear_streams AFTER DELETE ON api_keys BEGIN
    UPDATE streams SET api_key_id = NULL WHERE tenant_id = OLD.tenant_id AND api_key_id = OLD.id;
END;
