//! Rows of the tree before anything stands in them.

use chrono::TimeDelta;
use domain::{
    access::{Actor, Credential},
    conversations::{
        Conversation, Message, MessageRole, MessageStatus, Parts, Stream, StreamState, stream::STREAM_LEASE_SECONDS,
    },
    ids::{MessageId, RequestId, StreamId},
};
use serde_json::json;

use crate::App;

/// A message with nothing in it yet.
pub(super) fn message(
    app: &App,
    conversation: &Conversation,
    actor: &Actor,
    parent_id: Option<MessageId>,
    role: MessageRole,
    seq: i64,
) -> Message {
    let now = app.now();
    Message {
        id: MessageId(app.parts.ids.random()),
        tenant_id: conversation.tenant_id,
        conversation_id: conversation.id,
        user_id: Some(actor.user_id),
        parent_id,
        seq,
        role,
        status: MessageStatus::Pending,
        parts: Parts::default(),
        attachments: Vec::new(),
        model: None,
        input_tokens: None,
        output_tokens: None,
        cost: None,
        version: 1,
        is_edited: false,
        content_version: 1,
        active_child_id: None,
        edited_from_id: None,
        regenerated_from_id: None,
        forked_from_id: None,
        finish_reason: None,
        error: None,
        irregular: false,
        deleted_at: None,
        deletion_id: None,
        metadata: json!({}),
        created_at: now,
        updated_at: now,
    }
}

/// A stream whose pump has just begun, under its first lease.
pub(super) fn stream(app: &App, conversation: &Conversation, actor: &Actor, message_id: MessageId) -> Stream {
    let now = app.now();
    Stream {
        id: StreamId(app.parts.ids.random()),
        tenant_id: conversation.tenant_id,
        conversation_id: conversation.id,
        message_id,
        user_id: actor.user_id,
        api_key_id: match actor.credential {
            Credential::ApiKey(id) => Some(id),
            Credential::Session(_) | Credential::Embedded => None,
        },
        request_id: RequestId(app.parts.ids.random()),
        estimated_input_tokens: None,
        state: StreamState::Running,
        epoch: 1,
        lease_expires_at: now + TimeDelta::seconds(STREAM_LEASE_SECONDS),
        stop_requested_at: None,
        last_event: 0,
        ended_at: None,
        created_at: now,
        updated_at: now,
    }
}
