//! Messages on their way in.

use std::collections::BTreeMap;

use app::conversations::NewMessage;
use domain::{
    conversations::{Part, Parts},
    error::ValueError,
    ids::MessageId,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema, extensions::Extensions, schema::AdditionalProperties},
};
use uuid::Uuid;

use crate::{
    list::AtMost,
    openapi::values::{AnyText, MessageParts, MessageText, ModelName, ModelNames},
};

/// A part that is written as an object: serde takes a tagged enumeration from an array, too.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct PartObject(Part);

impl TryFrom<Map<String, Value>> for PartObject {
    type Error = serde_json::Error;

    fn try_from(fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        serde_json::from_value(Value::Object(fields)).map(Self)
    }
}

/// A part of a message that is sent.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "describes in the OpenAPI document which parts are taken")]
pub(crate) enum PartRequest {
    /// Words, Markdown by custom.
    #[schema(title = "TextPartRequest")]
    Text {
        #[schema(value_type = MessageText)]
        text: String,
    },
    /// What a tool answered.
    #[schema(title = "ToolResultPartRequest")]
    ToolResult {
        /// The call that it answers.
        #[schema(value_type = AnyText)]
        tool_call_id: String,
        #[schema(value_type = AnyText)]
        content: String,
    },
}

/// A message to be sent. Either `content` or `parts` says what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "content": "How many days of holiday are there?" }))]
pub(crate) struct MessageRequest {
    /// Short for one text part.
    #[schema(value_type = Option<MessageText>)]
    content: Option<String>,
    #[schema(value_type = Option<MessageParts>)]
    parts: Option<Vec<PartObject>>,
    /// The message it goes under; absent: the head.
    parent_id: Option<Uuid>,
    /// The model of the answer.
    #[schema(value_type = Option<ModelName>)]
    model: Option<String>,
    /// In its place several, one answer each.
    #[schema(value_type = Option<ModelNames>)]
    models: Option<AtMost<64, String>>,
}

/// A question that is asked otherwise: as a message, but under the same one.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "content": "How many days of holiday are there in a year?" }))]
#[expect(dead_code, reason = "describes in the OpenAPI document a message that stays where it is")]
pub(crate) struct EditRequest {
    /// Short for one text part.
    #[schema(value_type = Option<MessageText>)]
    content: Option<String>,
    #[schema(value_type = Option<MessageParts>)]
    parts: Option<Vec<PartObject>>,
    /// The model of the answer.
    #[schema(value_type = Option<ModelName>)]
    model: Option<String>,
    /// In its place several, one answer each.
    #[schema(value_type = Option<ModelNames>)]
    models: Option<AtMost<64, String>>,
}

/// Says in the document what utoipa has no words for: which fields of these requests stand in each other's place, and that
/// parts have no other fields. The first is said by a `not`, which generators of clients pass over, where an `anyOf` would
/// become a union of nothing.
pub(crate) fn tell_bounds(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    // Null is the same as nothing.
    let both = |one: (&str, &str), other: (&str, &str)| {
        let is = |kind: &str| json!({ "type": kind });
        json!({ "required": [one.0, other.0], "properties": { one.0: is(one.1), other.0: is(other.1) } })
    };
    let models = both(("model", "string"), ("models", "array"));
    let nothing = json!({ "type": "null" });
    let neither = json!({ "properties": { "content": nothing, "parts": nothing } });
    let words = json!({ "anyOf": [models, both(("content", "string"), ("parts", "array")), neither] });
    for (name, forbidden) in [("MessageRequest", &words), ("EditRequest", &words), ("RegenerateRequest", &models)] {
        if let Some(RefOr::T(Schema::Object(schema))) = schemas.get_mut(name) {
            schema.extensions = Some(Extensions::from_iter([("not", forbidden.clone())]));
        }
    }
    if let Some(RefOr::T(Schema::OneOf(parts))) = schemas.get_mut("PartRequest") {
        for part in &mut parts.items {
            if let RefOr::T(Schema::Object(part)) = part {
                part.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
}

impl MessageRequest {
    pub(crate) fn into_message(self, expected_head: Option<i64>) -> Result<NewMessage, ValueError> {
        let Self { content, parts, parent_id, model, models } = self;
        let parts = match (content, parts) {
            (Some(content), None) => Parts::text(content),
            (None, Some(parts)) => Parts(parts.into_iter().map(|PartObject(part)| part).collect()),
            (None, None) => {
                let message = "is missing; send it, or 'parts' in its place";
                return Err(ValueError::new("content", "content_or_parts", message));
            }
            (Some(_), Some(_)) => {
                let message = "must not stand beside 'parts'; send one of the two";
                return Err(ValueError::new("content", "content_or_parts", message));
            }
        };
        Ok(NewMessage {
            parts,
            parent_id: parent_id.map(MessageId),
            models: models_of(model, models)?,
            expected_head,
            ..NewMessage::default()
        })
    }
}

/// A message to be answered again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "model": "banyan/extractive" }))]
pub(crate) struct RegenerateRequest {
    /// The model of the new answer.
    #[schema(value_type = Option<ModelName>)]
    model: Option<String>,
    /// In its place several, one answer each.
    #[schema(value_type = Option<ModelNames>)]
    models: Option<AtMost<64, String>>,
}

impl RegenerateRequest {
    pub(crate) fn into_models(self) -> Result<Vec<String>, ValueError> {
        models_of(self.model, self.models)
    }
}

fn models_of(model: Option<String>, models: Option<AtMost<64, String>>) -> Result<Vec<String>, ValueError> {
    match (model, models) {
        (Some(_), Some(_)) => {
            let message = "must not stand beside 'model'; send one of the two";
            Err(ValueError::new("models", "model_or_models", message))
        }
        (Some(model), None) => Ok(vec![model]),
        (None, Some(models)) if models.0.is_empty() => Err(ValueError::new("models", "empty", "must name a model")),
        (None, models) => Ok(models.unwrap_or_default().0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_a_sentence_with_its_field() {
        let told = |json: &str| {
            let request = crate::body::parse::<MessageRequest>(json.as_bytes()).unwrap();
            app::Error::from(request.into_message(None).unwrap_err()).message
        };
        for (json, said) in [
            ("{}", "content is missing; send it, or 'parts' in its place"),
            (r#"{"content":"a","parts":[]}"#, "content must not stand beside 'parts'; send one of the two"),
            (
                r#"{"content":"a","model":"m","models":["m"]}"#,
                "models must not stand beside 'model'; send one of the two",
            ),
        ] {
            assert_eq!(told(json), said);
        }
    }
}
