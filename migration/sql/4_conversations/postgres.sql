-- I7: `pending → streaming | complete | stopped | error | interrupted`,
-- `streaming → complete | stopped | error | interrupted`.
CREATE FUNCTION check_message_status_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NOT (OLD.status = 'pending' OR (OLD.status = 'streaming' AND NEW.status <> 'pending')) THEN
        RAISE EXCEPTION 'a message may not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_status_step';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER messages_status_step BEFORE UPDATE OF status ON messages
FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION check_message_status_step();

-- I2 and I6: a child comes after its parent, and its role may follow the parent's, or stand at the
-- root. A parent that is missing is the foreign key's affair.
CREATE FUNCTION check_message_parent() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    parent record;
    fits boolean;
BEGIN
    IF NEW.parent_id IS NULL THEN
        fits := NEW.role IN ('system', 'user');
    ELSE
        SELECT m.seq, m.role INTO parent
        FROM public.messages m WHERE m.tenant_id = NEW.tenant_id AND m.id = NEW.parent_id;
        IF NOT FOUND THEN
            RETURN NEW;
        END IF;
        IF parent.seq >= NEW.seq THEN
            RAISE EXCEPTION 'the seq of a message must be greater than its parent''s'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_seq_after_parent';
        END IF;
        fits := CASE NEW.role
            WHEN 'user' THEN parent.role <> 'user'
            WHEN 'assistant' THEN parent.role IN ('user', 'tool', 'assistant')
            WHEN 'tool' THEN parent.role = 'assistant'
            ELSE false
        END;
    END IF;
    IF NOT fits AND NOT NEW.irregular THEN
        RAISE EXCEPTION 'a message of this role may not follow its parent'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_grammar';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER messages_parent BEFORE INSERT ON messages
FOR EACH ROW EXECUTE FUNCTION check_message_parent();

-- I2: the place of a message never changes, so no cycle can arise.
CREATE FUNCTION refuse_message_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION 'the parent and seq of a message never change'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_place_is_fixed';
END
$$;

CREATE TRIGGER messages_place_is_fixed BEFORE UPDATE OF conversation_id, parent_id, seq ON messages
FOR EACH ROW WHEN (
    (NEW.conversation_id, NEW.parent_id, NEW.seq) IS DISTINCT FROM (OLD.conversation_id, OLD.parent_id, OLD.seq)
) EXECUTE FUNCTION refuse_message_move();
