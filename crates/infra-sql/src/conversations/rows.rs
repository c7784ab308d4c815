//! The rows of conversations.

pub(crate) mod conversations {
    use domain::{
        clock::Timestamp,
        conversations::{Conversation, Origin, RetrievalChoice, Visibility},
        ids::CollectionId,
        money::Money,
        store::StoreError,
        usage::UsageTotals,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{column, from_json, number, stored, to_json};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "conversations")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub user_id: Uuid,
        pub title: Option<String>,
        pub visibility: String,
        pub model: Option<String>,
        pub system_prompt: Option<String>,
        pub retrieval: String,
        pub current_message_id: Option<Uuid>,
        pub head_version: i64,
        pub next_seq: i64,
        pub origin: String,
        pub forked_from_conversation_id: Option<Uuid>,
        pub archived_at: Option<Timestamp>,
        pub deleted_at: Option<Timestamp>,
        pub last_context: Option<Json>,
        pub message_count: i64,
        pub input_tokens: i64,
        pub output_tokens: i64,
        pub cost_nano_usd: i64,
        pub request_count: i64,
        pub unknown_cost_count: i64,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        /// Whether the chosen collections stand in `conversation_collections`.
        pub(crate) fn has_collections(&self) -> bool {
            self.retrieval == COLLECTIONS
        }

        /// The entity, with its chosen collections.
        pub(crate) fn into_entity(self, collections: Vec<CollectionId>) -> Result<Conversation, StoreError> {
            let Self {
                id,
                tenant_id,
                user_id,
                title,
                visibility,
                model,
                system_prompt,
                retrieval,
                current_message_id,
                head_version,
                next_seq,
                origin,
                forked_from_conversation_id,
                archived_at,
                deleted_at,
                last_context,
                message_count,
                input_tokens,
                output_tokens,
                cost_nano_usd,
                request_count,
                unknown_cost_count,
                created_at,
                updated_at,
            } = self;
            let retrieval = match retrieval.as_str() {
                ALL => RetrievalChoice::All,
                COLLECTIONS => RetrievalChoice::Collections(collections),
                _ => return Err(StoreError::Corrupt("a conversation's choice of passages is unknown".to_owned())),
            };
            Ok(Conversation {
                id: id.into(),
                tenant_id: tenant_id.into(),
                user_id: user_id.into(),
                title,
                visibility: stored(Visibility::parse(&visibility))?,
                model,
                system_prompt,
                retrieval,
                current_message_id: current_message_id.map(Into::into),
                head_version,
                next_seq,
                origin: stored(Origin::parse(&origin))?,
                forked_from_conversation_id: forked_from_conversation_id.map(Into::into),
                archived_at,
                deleted_at,
                last_context: last_context.map(from_json).transpose()?,
                message_count,
                totals: UsageTotals {
                    requests: number(request_count)?,
                    input_tokens: number(input_tokens)?,
                    output_tokens: number(output_tokens)?,
                    cost: Money(cost_nano_usd),
                    unknown_costs: number(unknown_cost_count)?,
                },
                created_at,
                updated_at,
            })
        }
    }

    const ALL: &str = "all";
    const COLLECTIONS: &str = "collections";

    impl TryFrom<&Conversation> for Model {
        type Error = StoreError;

        fn try_from(conversation: &Conversation) -> Result<Self, StoreError> {
            let Conversation {
                id,
                tenant_id,
                user_id,
                title,
                visibility,
                model,
                system_prompt,
                retrieval,
                current_message_id,
                head_version,
                next_seq,
                origin,
                forked_from_conversation_id,
                archived_at,
                deleted_at,
                last_context,
                message_count,
                totals: UsageTotals { requests, input_tokens, output_tokens, cost, unknown_costs },
                created_at,
                updated_at,
            } = conversation.clone();
            let retrieval = match retrieval {
                RetrievalChoice::All => ALL,
                RetrievalChoice::Collections(_) => COLLECTIONS,
            };
            Ok(Self {
                id: id.0,
                tenant_id: tenant_id.0,
                user_id: user_id.0,
                title,
                visibility: visibility.as_str().to_owned(),
                model,
                system_prompt,
                retrieval: retrieval.to_owned(),
                current_message_id: current_message_id.map(|id| id.0),
                head_version,
                next_seq,
                origin: origin.as_str().to_owned(),
                forked_from_conversation_id: forked_from_conversation_id.map(|id| id.0),
                archived_at,
                deleted_at,
                last_context: last_context.map(|tokens| to_json(&tokens)).transpose()?,
                message_count,
                input_tokens: column(input_tokens)?,
                output_tokens: column(output_tokens)?,
                cost_nano_usd: cost.0,
                request_count: column(requests)?,
                unknown_cost_count: column(unknown_costs)?,
                created_at,
                updated_at,
            })
        }
    }
}

pub(crate) mod conversation_collections {
    use domain::clock::Timestamp;
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "conversation_collections")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub conversation_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub collection_id: Uuid,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod messages {
    use domain::{
        clock::Timestamp,
        conversations::{Message, MessageRole, MessageStatus, Parts},
        money::Money,
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{column, from_json, number, stored};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "messages")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub conversation_id: Uuid,
        pub user_id: Option<Uuid>,
        pub parent_id: Option<Uuid>,
        pub seq: i64,
        pub role: String,
        pub status: String,
        pub parts: Json,
        pub attachments: Json,
        pub model: Option<String>,
        pub input_tokens: Option<i64>,
        pub output_tokens: Option<i64>,
        pub cost_nano_usd: Option<i64>,
        pub version: i32,
        pub is_edited: bool,
        pub content_version: i32,
        pub active_child_id: Option<Uuid>,
        pub edited_from_id: Option<Uuid>,
        pub regenerated_from_id: Option<Uuid>,
        pub forked_from_id: Option<Uuid>,
        pub finish_reason: Option<String>,
        pub error: Option<Json>,
        pub irregular: bool,
        pub deleted_at: Option<Timestamp>,
        pub deletion_id: Option<Uuid>,
        pub metadata: Json,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl TryFrom<&Message> for Model {
        type Error = StoreError;

        fn try_from(message: &Message) -> Result<Self, StoreError> {
            let Message {
                id,
                tenant_id,
                conversation_id,
                user_id,
                parent_id,
                seq,
                role,
                status,
                parts,
                attachments,
                model,
                input_tokens,
                output_tokens,
                cost,
                version,
                is_edited,
                content_version,
                active_child_id,
                edited_from_id,
                regenerated_from_id,
                forked_from_id,
                finish_reason,
                error,
                irregular,
                deleted_at,
                deletion_id,
                metadata,
                created_at,
                updated_at,
            } = message.clone();
            Ok(Self {
                id: id.0,
                tenant_id: tenant_id.0,
                conversation_id: conversation_id.0,
                user_id: user_id.map(|id| id.0),
                parent_id: parent_id.map(|id| id.0),
                seq,
                role: role.as_str().to_owned(),
                status: status.as_str().to_owned(),
                parts: parts.to_stored(),
                attachments: Json::Array(attachments),
                model,
                input_tokens: input_tokens.map(column).transpose()?,
                output_tokens: output_tokens.map(column).transpose()?,
                cost_nano_usd: cost.map(|cost| cost.0),
                version,
                is_edited,
                content_version,
                active_child_id: active_child_id.map(|id| id.0),
                edited_from_id: edited_from_id.map(|id| id.0),
                regenerated_from_id: regenerated_from_id.map(|id| id.0),
                forked_from_id: forked_from_id.map(|id| id.0),
                finish_reason,
                error,
                irregular,
                deleted_at,
                deletion_id,
                metadata,
                created_at,
                updated_at,
            })
        }
    }

    impl TryFrom<Model> for Message {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                conversation_id,
                user_id,
                parent_id,
                seq,
                role,
                status,
                parts,
                attachments,
                model,
                input_tokens,
                output_tokens,
                cost_nano_usd,
                version,
                is_edited,
                content_version,
                active_child_id,
                edited_from_id,
                regenerated_from_id,
                forked_from_id,
                finish_reason,
                error,
                irregular,
                deleted_at,
                deletion_id,
                metadata,
                created_at,
                updated_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.into(),
                conversation_id: conversation_id.into(),
                user_id: user_id.map(Into::into),
                parent_id: parent_id.map(Into::into),
                seq,
                role: stored(MessageRole::parse(&role))?,
                status: stored(MessageStatus::parse(&status))?,
                parts: stored(Parts::from_stored(parts))?,
                attachments: from_json(attachments)?,
                model,
                input_tokens: input_tokens.map(number).transpose()?,
                output_tokens: output_tokens.map(number).transpose()?,
                cost: cost_nano_usd.map(Money),
                version,
                is_edited,
                content_version,
                active_child_id: active_child_id.map(Into::into),
                edited_from_id: edited_from_id.map(Into::into),
                regenerated_from_id: regenerated_from_id.map(Into::into),
                forked_from_id: forked_from_id.map(Into::into),
                finish_reason,
                error,
                irregular,
                deleted_at,
                deletion_id,
                metadata,
                created_at,
                updated_at,
            })
        }
    }
}

pub(crate) mod streams {
    use domain::{
        clock::Timestamp,
        conversations::{Stream, StreamState},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::stored;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "streams")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub conversation_id: Uuid,
        pub message_id: Uuid,
        pub user_id: Uuid,
        pub api_key_id: Option<Uuid>,
        pub request_id: Uuid,
        pub state: String,
        pub epoch: i64,
        pub lease_expires_at: Timestamp,
        pub stop_requested_at: Option<Timestamp>,
        pub last_event: i64,
        pub ended_at: Option<Timestamp>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl From<&Stream> for Model {
        fn from(stream: &Stream) -> Self {
            let Stream {
                id,
                tenant_id,
                conversation_id,
                message_id,
                user_id,
                api_key_id,
                request_id,
                state,
                epoch,
                lease_expires_at,
                stop_requested_at,
                last_event,
                ended_at,
                created_at,
                updated_at,
            } = stream.clone();
            Self {
                id: id.0,
                tenant_id: tenant_id.0,
                conversation_id: conversation_id.0,
                message_id: message_id.0,
                user_id: user_id.0,
                api_key_id: api_key_id.map(|id| id.0),
                request_id: request_id.0,
                state: state.as_str().to_owned(),
                epoch,
                lease_expires_at,
                stop_requested_at,
                last_event,
                ended_at,
                created_at,
                updated_at,
            }
        }
    }

    impl TryFrom<Model> for Stream {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                conversation_id,
                message_id,
                user_id,
                api_key_id,
                request_id,
                state,
                epoch,
                lease_expires_at,
                stop_requested_at,
                last_event,
                ended_at,
                created_at,
                updated_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.into(),
                conversation_id: conversation_id.into(),
                message_id: message_id.into(),
                user_id: user_id.into(),
                api_key_id: api_key_id.map(Into::into),
                request_id: request_id.into(),
                state: stored(StreamState::parse(&state))?,
                epoch,
                lease_expires_at,
                stop_requested_at,
                last_event,
                ended_at,
                created_at,
                updated_at,
            })
        }
    }
}

pub(crate) mod stream_events {
    use domain::{
        clock::Timestamp,
        conversations::StreamEvent,
        ids::{StreamId, TenantId},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{from_json, to_json};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "stream_events")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub stream_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i64,
        pub event_type: String,
        pub data: Json,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        /// The row of an event of this stream.
        pub(crate) fn new(tenant: TenantId, stream: StreamId, event: &StreamEvent) -> Result<Self, StoreError> {
            let StreamEvent { number, event, created_at } = event;
            Ok(Self {
                tenant_id: tenant.0,
                stream_id: stream.0,
                number: *number,
                event_type: event.name().to_owned(),
                data: to_json(event)?,
                created_at: *created_at,
            })
        }
    }

    impl TryFrom<Model> for StreamEvent {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model { tenant_id: _, stream_id: _, number, event_type: _, data, created_at } = row;
            Ok(Self { number, event: from_json(data)?, created_at })
        }
    }
}
