//! The events of a turn on the wire.

use actix_web::web::Bytes;
use app::conversations::FollowedEvent;
use domain::conversations::{TurnEvent, TurnFailure, event::RetrievedItem};
use serde::Serialize;
use uuid::Uuid;

use super::{dto::UsageBody, message::MessageBody};
use crate::{knowledge::dto::PassageBody, sse};

/// The data of an event; its name stands beside it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum EventBody {
    Started {
        user_message_id: Uuid,
        assistant_message_id: Uuid,
        stream_id: Uuid,
        conversation_id: Uuid,
        head_version: i64,
    },
    Retrieved {
        items: Vec<PassageBody>,
    },
    Text {
        text: String,
    },
    ToolCall {
        id: String,
        name: String,
        arguments: String,
    },
    Citation {
        index: u32,
        chunk_id: Uuid,
        source_id: Uuid,
        filename: String,
        page: Option<u32>,
        quote: String,
    },
    Completed {
        message: Option<Box<MessageBody>>,
        usage: UsageBody,
        finish_reason: Option<String>,
    },
    Failed {
        error: TurnFailure,
        message: Option<Box<MessageBody>>,
    },
    Stopped {
        message: Option<Box<MessageBody>>,
    },
}

/// The bytes of an event.
pub(crate) fn encode(followed: FollowedEvent) -> Bytes {
    let message = followed.message.as_deref().map(|view| Box::new(MessageBody::from(view)));
    let name = followed.event.event.name();
    let number = followed.event.number;
    sse::event(Some(number), name, &body(followed.event.event, message))
}

fn body(event: TurnEvent, message: Option<Box<MessageBody>>) -> EventBody {
    match event {
        TurnEvent::TurnStarted { user_message_id, assistant_message_id, stream_id, conversation_id, head_version } => {
            EventBody::Started {
                user_message_id: user_message_id.0,
                assistant_message_id: assistant_message_id.0,
                stream_id: stream_id.0,
                conversation_id: conversation_id.0,
                head_version,
            }
        }
        TurnEvent::RetrievalCompleted { items } => EventBody::Retrieved { items: passages(&items) },
        TurnEvent::ReasoningDelta { text } | TurnEvent::TextDelta { text } => EventBody::Text { text },
        TurnEvent::ToolCall { id, name, arguments, extra: _ } => EventBody::ToolCall { id, name, arguments },
        TurnEvent::CitationAdded { index, chunk_id, source_id, filename, page, quote } => {
            EventBody::Citation { index, chunk_id: chunk_id.0, source_id: source_id.0, filename, page, quote }
        }
        TurnEvent::TurnCompleted { usage, cost, finish_reason } => {
            EventBody::Completed { message, usage: UsageBody::new(usage, cost), finish_reason }
        }
        TurnEvent::TurnFailed { error } => EventBody::Failed { error, message },
        TurnEvent::TurnStopped {} => EventBody::Stopped { message },
    }
}

fn passages(items: &[RetrievedItem]) -> Vec<PassageBody> {
    items.iter().map(PassageBody::from).collect()
}
