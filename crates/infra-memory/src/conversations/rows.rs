//! Rows of conversations and all below them.

use domain::{
    conversations::{Conversation, Message, Stream, StreamEvent, StreamState},
    identity::{ApiKey, User},
    ids::{CollectionId, ConversationId, MessageId, StreamId, TenantId},
    knowledge::Collection,
    store::StoreError,
    usage::{QuotaKind, UsageTotals},
};

use crate::{
    check::{fits_column, no_nul, no_nul_json, require},
    references::Reference,
    table::{Counted, Key, Row, columns, place},
};

/// The counts of totals, each of which has a column.
pub(super) fn counts(totals: UsageTotals) -> [u64; 4] {
    [totals.requests, totals.input_tokens, totals.output_tokens, totals.unknown_costs]
}

/// Kept without its chosen collections, which have rows of their own.
impl Row for Conversation {
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Message>(&["tenant_id", "id", "current_message_id"])
            .by(&["tenant_id", "conversation_id", "id"])
            .deferred()
            .clears(|row| row.current_message_id = None),
        Reference::to::<User>(&["tenant_id", "user_id"]).cascades(),
        Reference::to::<Self>(&["tenant_id", "forked_from_conversation_id"])
            .clears(|row| row.forked_from_conversation_id = None),
    ];
    const COUNTED: &'static [Counted<Self>] = &[Counted { kind: QuotaKind::Conversations, amount: |_| 1 }];
    columns!(id: ConversationId, tenant_id, user_id; current_message_id, forked_from_conversation_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul(self.title.iter().chain(&self.model).chain(&self.system_prompt))?;
        fits_column(counts(self.totals))?;
        require(self.next_seq >= 1 && self.message_count >= 0, "messages of a conversation count from 1")
    }

    fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }
}

/// A collection that a conversation's answers look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChosenCollection {
    pub(crate) tenant_id: TenantId,
    pub(crate) conversation_id: ConversationId,
    pub(crate) collection_id: CollectionId,
}

impl Row for ChosenCollection {
    type Id = (ConversationId, CollectionId);
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Conversation>(&["tenant_id", "conversation_id"]).cascades(),
        Reference::to::<Collection>(&["tenant_id", "collection_id"]).cascades(),
    ];
    columns!(tenant_id, conversation_id, collection_id);

    fn id(&self) -> Self::Id {
        (self.conversation_id, self.collection_id)
    }

    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Row for Message {
    const KEYS: &'static [Key<Self>] = &[
        Key { name: "uq_messages_seq", of: |row| Some(place![row.conversation_id.0, row.seq]) },
        Key {
            name: "ix_messages_parent",
            of: |row| Some(place![row.conversation_id.0, row.parent_id.map(|id| id.0), row.seq]),
        },
    ];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Conversation>(&["tenant_id", "conversation_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).clears(|row| row.user_id = None),
        Reference::to::<Self>(&["tenant_id", "conversation_id", "parent_id"]),
        Reference::to::<Self>(&["tenant_id", "conversation_id", "id", "active_child_id"])
            .by(&["tenant_id", "conversation_id", "parent_id", "id"])
            .deferred()
            .clears(|row| row.active_child_id = None),
        Reference::to::<Self>(&["tenant_id", "conversation_id", "edited_from_id"])
            .clears(|row| row.edited_from_id = None),
        Reference::to::<Self>(&["tenant_id", "conversation_id", "regenerated_from_id"])
            .clears(|row| row.regenerated_from_id = None),
        Reference::to::<Self>(&["tenant_id", "forked_from_id"]).clears(|row| row.forked_from_id = None),
    ];
    columns!(id: MessageId, tenant_id, conversation_id;
        user_id, parent_id, active_child_id, edited_from_id, regenerated_from_id, forked_from_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul(self.model.iter().chain(&self.finish_reason))?;
        no_nul_json(self.attachments.iter().chain(&self.error).chain([&self.metadata, &self.parts.to_stored()]))?;
        fits_column([self.input_tokens, self.output_tokens].into_iter().flatten())?;
        let least = i64::from(self.version.min(self.content_version)).min(self.seq);
        require(least >= 1, "numbers of a message count from 1")
    }

    fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }
}

impl Row for Stream {
    const KEYS: &'static [Key<Self>] = &[Key {
        name: "uq_streams_running_message",
        of: |stream| (stream.state == StreamState::Running).then(|| place![stream.message_id.0]),
    }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Message>(&["tenant_id", "conversation_id", "message_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).cascades(),
        Reference::to::<ApiKey>(&["tenant_id", "api_key_id"]).clears(|stream| stream.api_key_id = None),
    ];
    columns!(id: StreamId, tenant_id, conversation_id, message_id, user_id; api_key_id);

    fn check(&self) -> Result<(), StoreError> {
        fits_column(self.estimated_input_tokens)?;
        require(self.last_event >= 0, "events of a stream count from 1")
    }
}

/// An event, and the stream that it is of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredEvent {
    pub(crate) tenant_id: TenantId,
    pub(crate) stream_id: StreamId,
    pub(crate) event: StreamEvent,
}

impl Row for StoredEvent {
    type Id = (StreamId, i64);
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<Stream>(&["tenant_id", "stream_id"]).cascades()];
    columns!(tenant_id, stream_id);

    fn id(&self) -> Self::Id {
        (self.stream_id, self.event.number)
    }

    fn check(&self) -> Result<(), StoreError> {
        let stored = serde_json::to_value(&self.event.event).map_err(|error| StoreError::Backend(Box::new(error)))?;
        no_nul_json([&stored])?;
        require(self.event.number >= 1, "events of a stream count from 1")
    }
}
