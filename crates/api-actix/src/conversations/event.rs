//! The events of a turn on the wire.

use std::borrow::Cow;

use actix_web::web::Bytes;
use app::conversations::FollowedEvent;
use domain::{
    conversations::{TurnEvent, TurnFailure},
    gateways::AnswerExtra,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        extensions::Extensions,
        schema::{AnyOfBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder, Ref, SchemaFormat, Type},
    },
};
use uuid::Uuid;

use super::{dto::UsageBody, message::MessageBody};
use crate::{
    knowledge::dto::PassageBody,
    openapi::values::{ProviderFields, one_of},
    sse,
};

/// The turn is open: its messages and stream exist.
#[derive(Debug, Serialize, ToSchema)]
struct TurnStarted {
    user_message_id: Uuid,
    assistant_message_id: Uuid,
    stream_id: Uuid,
    conversation_id: Uuid,
    head_version: i64,
}

/// The passages that the model is given, numbered from 1 in this order.
#[derive(Debug, Serialize, ToSchema)]
struct RetrievalCompleted {
    items: Vec<PassageBody>,
}

/// A piece of a text.
#[derive(Debug, Serialize, ToSchema)]
struct TextPiece {
    text: String,
}

/// The model calls a tool.
#[derive(Debug, Serialize, ToSchema)]
struct ToolCalled {
    id: String,
    name: String,
    /// Its arguments as JSON text.
    arguments: String,
}

/// The provider says more of its answer. What it says of the message goes on from event to event, the rest is told anew.
#[derive(Debug, Serialize, ToSchema)]
struct AnswerExtraTold {
    /// Further fields of the message.
    #[schema(value_type = ProviderFields)]
    message: Map<String, Value>,
    /// Further fields of its choice.
    #[schema(value_type = ProviderFields)]
    choice: Map<String, Value>,
    /// Further fields of the answer as a whole, such as `citations`.
    #[schema(value_type = ProviderFields)]
    answer: Map<String, Value>,
}

/// A passage is cited in the answer.
#[derive(Debug, Serialize, ToSchema)]
struct CitationAdded {
    /// Its number in the text.
    index: u32,
    chunk_id: Uuid,
    source_id: Uuid,
    filename: String,
    page: Option<u32>,
    quote: String,
}

/// The answer is whole. The last event.
#[derive(Debug, Serialize, ToSchema)]
struct TurnCompleted {
    message: Option<Box<MessageBody>>,
    usage: UsageBody,
    /// Why the model stopped.
    finish_reason: Option<String>,
}

/// The turn failed or was interrupted. The last event.
#[derive(Debug, Serialize, ToSchema)]
struct TurnFailed {
    error: FailureBody,
    message: Option<Box<MessageBody>>,
}

/// The turn was stopped by its reader. The last event.
#[derive(Debug, Serialize, ToSchema)]
struct TurnStopped {
    message: Option<Box<MessageBody>>,
}

/// Why a turn failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureBody {
    /// A stable name of the reason.
    code: String,
    /// A sentence that says what to do.
    message: String,
    /// Seconds after which to ask again, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    retry_after: Option<u64>,
}

impl From<TurnFailure> for FailureBody {
    fn from(TurnFailure { code, message, retry_after }: TurnFailure) -> Self {
        Self { code, message, retry_after }
    }
}

/// The data of an event; its name stands beside it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum EventBody {
    Started(TurnStarted),
    Retrieved(RetrievalCompleted),
    Text(TextPiece),
    ToolCall(ToolCalled),
    Extra(AnswerExtraTold),
    Citation(CitationAdded),
    Completed(TurnCompleted),
    Failed(TurnFailed),
    Stopped(TurnStopped),
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
            EventBody::Started(TurnStarted {
                user_message_id: user_message_id.0,
                assistant_message_id: assistant_message_id.0,
                stream_id: stream_id.0,
                conversation_id: conversation_id.0,
                head_version,
            })
        }
        TurnEvent::RetrievalCompleted { items } => {
            EventBody::Retrieved(RetrievalCompleted { items: items.iter().map(PassageBody::from).collect() })
        }
        TurnEvent::ReasoningDelta { text } | TurnEvent::TextDelta { text } => EventBody::Text(TextPiece { text }),
        TurnEvent::ToolCall { id, name, arguments, extra: _ } => {
            EventBody::ToolCall(ToolCalled { id, name, arguments })
        }
        TurnEvent::AnswerExtra { extra: AnswerExtra { message, choice, answer } } => {
            EventBody::Extra(AnswerExtraTold { message, choice, answer })
        }
        TurnEvent::CitationAdded { index, chunk_id, source_id, filename, page, quote } => {
            let (chunk_id, source_id) = (chunk_id.0, source_id.0);
            EventBody::Citation(CitationAdded { index, chunk_id, source_id, filename, page, quote })
        }
        TurnEvent::TurnCompleted { usage, cost, finish_reason } => {
            EventBody::Completed(TurnCompleted { message, usage: UsageBody::new(usage, cost), finish_reason })
        }
        TurnEvent::TurnFailed { error } => EventBody::Failed(TurnFailed { error: error.into(), message }),
        TurnEvent::TurnStopped {} => EventBody::Stopped(TurnStopped { message }),
    }
}

/// A stream of events, for the document. Clients that know server-sent events take its schema for that of an event's data;
/// others have the whole as a text, which says by a schema of its own what the events are.
pub(crate) enum TurnEvents {}

/// An event as its reader has it, for the document.
pub(crate) enum TurnEventBody {}

/// Each event by its name, with what clients call it and the schema of its data. `error` says that the stream broke off:
/// it has no number, and its reader goes on from the last event that it has seen.
const EVENTS: &[(&str, &str, &str)] = &[
    ("turn.started", "TurnStartedEvent", "TurnStarted"),
    ("retrieval.completed", "RetrievalCompletedEvent", "RetrievalCompleted"),
    ("reasoning.delta", "ReasoningDeltaEvent", "TextPiece"),
    ("text.delta", "TextDeltaEvent", "TextPiece"),
    ("tool.call", "ToolCallEvent", "ToolCalled"),
    ("answer.extra", "AnswerExtraEvent", "AnswerExtraTold"),
    ("citation.added", "CitationAddedEvent", "CitationAdded"),
    ("turn.completed", "TurnCompletedEvent", "TurnCompleted"),
    ("turn.failed", "TurnFailedEvent", "TurnFailed"),
    ("turn.stopped", "TurnStoppedEvent", "TurnStopped"),
    (BROKEN_OFF, "BrokenOffEvent", "Problem"),
];
/// The name of the event that says so.
pub(super) const BROKEN_OFF: &str = "error";

fn event_schema((name, title, data): &(&'static str, &str, &str)) -> Object {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1));
    let event = ObjectBuilder::new().property("event", one_of([*name])).required("event");
    let event = event.property("data", Ref::from_schema_name(*data)).required("data");
    let event = if *name == BROKEN_OFF { event } else { event.property("id", number).required("id") };
    event.title(Some(*title)).build()
}

impl PartialSchema for TurnEvents {
    fn schema() -> RefOr<Schema> {
        let events = json!({ "type": "array", "items": Ref::from_schema_name("TurnEvent") });
        let whole = ObjectBuilder::new().schema_type(Type::String).content_media_type("text/event-stream");
        let whole = whole.extensions(Some(Extensions::from_iter([("contentSchema", events)])));
        let mut data: Vec<&str> = EVENTS.iter().map(|(.., data)| *data).collect();
        data.dedup();
        // The text comes last: who tries one after the other takes it for nothing else.
        let any = data.iter().fold(AnyOfBuilder::new(), |any, data| any.item(Ref::from_schema_name(*data))).item(whole);
        let description = "Server-sent events: the data of each, or the whole as text, where lines that begin with a \
                           colon are comments.";
        RefOr::T(any.description(Some(description)).build().into())
    }
}

impl ToSchema for TurnEvents {}

impl PartialSchema for TurnEventBody {
    fn schema() -> RefOr<Schema> {
        let events = EVENTS.iter().fold(OneOfBuilder::new(), |events, event| events.item(event_schema(event)));
        let description =
            "An event of a stream. Those of a stream are numbered from 1, and `after` resumes behind one.";
        RefOr::T(events.description(Some(description)).build().into())
    }
}

impl ToSchema for TurnEventBody {
    fn name() -> Cow<'static, str> {
        "TurnEvent".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
        add::<TurnStarted>(schemas);
        add::<RetrievalCompleted>(schemas);
        add::<TextPiece>(schemas);
        add::<ToolCalled>(schemas);
        add::<AnswerExtraTold>(schemas);
        add::<CitationAdded>(schemas);
        add::<TurnCompleted>(schemas);
        add::<TurnFailed>(schemas);
        add::<TurnStopped>(schemas);
    }
}

#[cfg(test)]
mod tests {
    use domain::conversations::TurnEvent;

    use super::*;

    #[test]
    fn the_document_knows_every_event() {
        let uuid = Uuid::nil();
        let failure = TurnFailure { retry_after: Some(3), ..TurnFailure::new("c", "m") };
        let told = |event: TurnEvent| {
            let name = event.name();
            (name, serde_json::to_value(body(event, None)).unwrap())
        };
        let events = [
            TurnEvent::TurnStarted {
                user_message_id: uuid.into(),
                assistant_message_id: uuid.into(),
                stream_id: uuid.into(),
                conversation_id: uuid.into(),
                head_version: 1,
            },
            TurnEvent::RetrievalCompleted { items: Vec::new() },
            TurnEvent::ReasoningDelta { text: String::new() },
            TurnEvent::TextDelta { text: String::new() },
            TurnEvent::ToolCall {
                id: String::new(),
                name: String::new(),
                arguments: String::new(),
                extra: Default::default(),
            },
            TurnEvent::AnswerExtra { extra: Default::default() },
            TurnEvent::CitationAdded {
                index: 1,
                chunk_id: uuid.into(),
                source_id: uuid.into(),
                filename: String::new(),
                page: None,
                quote: String::new(),
            },
            TurnEvent::TurnCompleted { usage: Default::default(), cost: None, finish_reason: None },
            TurnEvent::TurnFailed { error: failure },
            TurnEvent::TurnStopped {},
        ];
        let document = serde_json::to_value(crate::openapi::document()).unwrap();
        for (name, data) in events.map(told) {
            let (_, _, schema) = EVENTS.iter().find(|(known, ..)| *known == name).expect(name);
            let schema = &document["components"]["schemas"][schema];
            let mut required: Vec<&str> =
                schema["required"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
            let mut fields: Vec<&str> = data.as_object().unwrap().keys().map(String::as_str).collect();
            required.sort_unstable();
            fields.sort_unstable();
            assert_eq!(required, fields, "{name}");
        }
    }
}
