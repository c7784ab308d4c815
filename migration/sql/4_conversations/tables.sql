CREATE TABLE conversations (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    title text,
    visibility text NOT NULL CHECK (visibility IN ('private', 'public')),
    model text,
    system_prompt text,
    retrieval text NOT NULL CHECK (retrieval IN ('all', 'collections', 'none')),
    current_message_id {uuid},
    head_version bigint NOT NULL,
    next_seq bigint NOT NULL CHECK (next_seq >= 1),
    origin text NOT NULL CHECK (origin IN ('app', 'openai', 'import', 'fork')),
    forked_from_conversation_id {uuid},
    archived_at {time},
    deleted_at {time},
    last_context {json},
    message_count bigint NOT NULL CHECK (message_count >= 0),
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_nano_usd bigint NOT NULL,
    request_count bigint NOT NULL,
    unknown_cost_count bigint NOT NULL,
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
--sqlite    FOREIGN KEY (tenant_id, id, current_message_id) REFERENCES messages (tenant_id, conversation_id, id)
--sqlite        DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, forked_from_conversation_id) REFERENCES conversations (tenant_id, id)
        ON DELETE CLEAR (forked_from_conversation_id)
) {strict};

CREATE INDEX ix_conversations_user_created ON conversations (tenant_id, user_id, created_at, id);
CREATE INDEX ix_conversations_created ON conversations (tenant_id, created_at, id);
CREATE INDEX ix_conversations_forked_from ON conversations (tenant_id, forked_from_conversation_id)
    WHERE forked_from_conversation_id IS NOT NULL;

CREATE TABLE conversation_collections (
    tenant_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    collection_id {uuid} NOT NULL,
    {created},
    PRIMARY KEY (tenant_id, conversation_id, collection_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, collection_id) REFERENCES collections (tenant_id, id) ON DELETE CASCADE
) {strict};

CREATE INDEX ix_conversation_collections_collection ON conversation_collections (tenant_id, collection_id);

-- A message with children cannot be deleted without them: its parent's key has no action. (On SQLite
-- a cascade would nest as deep as the tree, and its triggers nest at most 1,000 deep.) An active
-- child must be a child of its row: the key holds that too.
CREATE TABLE messages (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    user_id {uuid},
    parent_id {uuid},
    seq bigint NOT NULL CHECK (seq >= 1),
    role text NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    status text NOT NULL
        CHECK (status IN ('pending', 'streaming', 'complete', 'stopped', 'error', 'interrupted')),
    parts {json} NOT NULL,
    attachments {json} NOT NULL,
    model text,
    input_tokens bigint,
    output_tokens bigint,
    cost_nano_usd bigint,
    version integer NOT NULL CHECK (version >= 1),
    is_edited boolean NOT NULL,
    content_version integer NOT NULL CHECK (content_version >= 1),
    active_child_id {uuid},
    edited_from_id {uuid},
    regenerated_from_id {uuid},
    forked_from_id {uuid},
    finish_reason text,
    error {json},
    irregular boolean NOT NULL,
    deleted_at {time},
    deletion_id {uuid},
    metadata {json} NOT NULL,
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_messages_conversation_id UNIQUE (tenant_id, conversation_id, id),
    CONSTRAINT uq_messages_seq UNIQUE (tenant_id, conversation_id, seq),
    CONSTRAINT uq_messages_child UNIQUE (tenant_id, conversation_id, parent_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CLEAR (user_id),
    FOREIGN KEY (tenant_id, conversation_id, parent_id) REFERENCES messages (tenant_id, conversation_id, id),
    FOREIGN KEY (tenant_id, conversation_id, id, active_child_id)
        REFERENCES messages (tenant_id, conversation_id, parent_id, id)
        ON DELETE CLEAR (active_child_id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (tenant_id, conversation_id, edited_from_id)
        REFERENCES messages (tenant_id, conversation_id, id) ON DELETE CLEAR (edited_from_id),
    FOREIGN KEY (tenant_id, conversation_id, regenerated_from_id)
        REFERENCES messages (tenant_id, conversation_id, id) ON DELETE CLEAR (regenerated_from_id),
    FOREIGN KEY (tenant_id, forked_from_id) REFERENCES messages (tenant_id, id) ON DELETE CLEAR (forked_from_id)
) {strict};

--postgres ALTER TABLE conversations ADD FOREIGN KEY (tenant_id, id, current_message_id)
--postgres     REFERENCES messages (tenant_id, conversation_id, id)
--postgres     ON DELETE SET NULL (current_message_id) DEFERRABLE INITIALLY DEFERRED;
-- Without the conversation, which the parent tells: siblings are found by their parents alone.
CREATE INDEX ix_messages_parent ON messages (tenant_id, parent_id, seq);
CREATE INDEX ix_messages_user ON messages (tenant_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX ix_messages_edited_from ON messages (tenant_id, conversation_id, edited_from_id)
    WHERE edited_from_id IS NOT NULL;
CREATE INDEX ix_messages_regenerated_from ON messages (tenant_id, conversation_id, regenerated_from_id)
    WHERE regenerated_from_id IS NOT NULL;
CREATE INDEX ix_messages_forked_from ON messages (tenant_id, forked_from_id) WHERE forked_from_id IS NOT NULL;

CREATE TABLE streams (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    message_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    api_key_id {uuid},
    request_id {uuid} NOT NULL,
    estimated_input_tokens bigint CHECK (estimated_input_tokens >= 0),
    state text NOT NULL CHECK (state IN ('running', 'completed', 'failed', 'stopped', 'interrupted')),
    epoch bigint NOT NULL,
    lease_expires_at {time} NOT NULL,
    stop_requested_at {time},
    last_event bigint NOT NULL CHECK (last_event >= 0),
    ended_at {time},
    {created},
    {updated},
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id, message_id)
        REFERENCES messages (tenant_id, conversation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, api_key_id) REFERENCES api_keys (tenant_id, id) ON DELETE CLEAR (api_key_id)
) {strict};

CREATE UNIQUE INDEX uq_streams_running_message ON streams (tenant_id, message_id) WHERE state = 'running';
-- Also how expired leases are found: few streams run, and a lease is renewed with every append, which
-- an index on it would make dearer.
CREATE INDEX ix_streams_running_user ON streams (tenant_id, user_id) WHERE state = 'running';
CREATE INDEX ix_streams_message ON streams (tenant_id, conversation_id, message_id, created_at);
CREATE INDEX ix_streams_user ON streams (tenant_id, user_id);
CREATE INDEX ix_streams_api_key ON streams (tenant_id, api_key_id) WHERE api_key_id IS NOT NULL;

CREATE TABLE stream_events (
    tenant_id {uuid} NOT NULL,
    stream_id {uuid} NOT NULL,
    number bigint NOT NULL CHECK (number >= 1),
    event_type text NOT NULL,
    data {json} NOT NULL,
    {created},
    PRIMARY KEY (tenant_id, stream_id, number),
    FOREIGN KEY (tenant_id, stream_id) REFERENCES streams (tenant_id, id) ON DELETE CASCADE
) {strict};
