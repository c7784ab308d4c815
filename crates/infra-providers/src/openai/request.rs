//! A request for an answer, in the OpenAI dialect.

use domain::gateways::{ChatRequest, PromptMessage};
use serde_json::{Map, Value, json};

use super::quirks::Quirks;

/// The body of `POST /chat/completions`. What the caller passed through never overrides our fields. `limit_names` are
/// the usual and the other name of the bound on tokens.
pub(super) fn body(request: &ChatRequest, limit_names: [&str; 2], quirks: Quirks) -> Value {
    let options = &request.options;
    let mut body: Map<String, Value> = options.extra.clone();
    body.insert("model".to_owned(), request.model.as_str().into());
    body.insert("messages".to_owned(), request.messages.iter().map(message).collect());
    body.insert("stream".to_owned(), (!quirks.no_stream).into());
    if quirks.no_stream || quirks.no_stream_options {
        body.remove("stream_options");
    } else {
        body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    }
    if let Some(tokens) = options.max_output_tokens {
        let [usual, other] = limit_names;
        let (ours, not_ours) = if quirks.other_limit_name { (other, usual) } else { (usual, other) };
        body.remove(not_ours);
        body.insert(ours.to_owned(), tokens.into());
    }
    if let Some(temperature) = options.temperature {
        body.insert("temperature".to_owned(), decimal(temperature));
    }
    if let Some(top_p) = options.top_p {
        body.insert("top_p".to_owned(), decimal(top_p));
    }
    if !options.stop.is_empty() {
        body.insert("stop".to_owned(), options.stop.clone().into());
    }
    Value::Object(body)
}

/// The number as people wrote it: 0.7, where widening an `f32` makes 0.699999988079071.
fn decimal(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn message(message: &PromptMessage) -> Value {
    let mut value = Value::Object(message.extra.clone());
    value["role"] = json!(message.role);
    if value["content"].is_null() {
        let calls_alone = message.text.is_empty() && !message.tool_calls.is_empty();
        value["content"] = if calls_alone { Value::Null } else { message.text.as_str().into() };
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            let mut value = Value::Object(call.extra.clone());
            value["id"] = call.id.as_str().into();
            if call.extra.contains_key("custom") {
                value["type"] = "custom".into();
            } else {
                value["type"] = "function".into();
                value["function"] = json!({ "name": call.name, "arguments": call.arguments });
            }
            value
        });
        value["tool_calls"] = calls.collect();
    }
    if let Some(id) = &message.tool_call_id {
        value["tool_call_id"] = id.as_str().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::gateways::{ChatOptions, PromptRole, ToolCall};

    #[test]
    fn our_fields_win_over_what_is_passed_through() {
        let extra = json!({ "seed": 7, "stream": false, "model": "other", "tools": [] });
        let request = ChatRequest {
            model: "m".to_owned(),
            options: ChatOptions {
                temperature: Some(0.7),
                max_output_tokens: Some(9),
                stop: vec!["END".to_owned()],
                extra: extra.as_object().cloned().unwrap(),
                ..ChatOptions::default()
            },
            ..ChatRequest::default()
        };
        let expected = json!({
            "model": "m", "messages": [], "stream": true, "stream_options": { "include_usage": true },
            "temperature": 0.7, "max_tokens": 9, "stop": ["END"], "seed": 7, "tools": [],
        });
        let names = ["max_tokens", "max_completion_tokens"];
        assert_eq!(body(&request, names, Quirks::default()), expected);
        let quirks = Quirks { no_stream: true, other_limit_name: true, ..Quirks::default() };
        let expected = json!({
            "model": "m", "messages": [], "stream": false, "temperature": 0.7, "max_completion_tokens": 9,
            "stop": ["END"], "seed": 7, "tools": [],
        });
        assert_eq!(body(&request, names, quirks), expected);
    }

    #[test]
    fn what_belongs_to_messages_and_calls_goes_along_and_overrides_nothing() {
        let extra = |value: Value| value.as_object().cloned().unwrap();
        let signed = json!({ "extra_content": { "google": { "thought_signature": "s" } }, "id": "no", "type": "no" });
        let call = ToolCall { id: "c1".into(), name: "f".into(), arguments: "{}".into(), extra: extra(signed) };
        let beside = json!({ "reasoning_content": "hm", "role": "system" });
        let said = PromptMessage {
            tool_calls: vec![call],
            extra: extra(beside),
            ..PromptMessage::text(PromptRole::Assistant, "yes")
        };
        let expected = json!({ "role": "assistant", "content": "yes", "reasoning_content": "hm", "tool_calls": [
            { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{}" },
              "extra_content": { "google": { "thought_signature": "s" } } }] });
        assert_eq!(message(&said), expected);
    }

    #[test]
    fn tools_are_called_and_answered() {
        let call = ToolCall {
            id: "c1".to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
            extra: Default::default(),
        };
        let called = PromptMessage { tool_calls: vec![call], ..PromptMessage::text(PromptRole::Assistant, "") };
        let answered =
            PromptMessage { tool_call_id: Some("c1".to_owned()), ..PromptMessage::text(PromptRole::Tool, "4") };
        assert_eq!(
            message(&called),
            json!({ "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{}" } }] })
        );
        assert_eq!(message(&answered), json!({ "role": "tool", "content": "4", "tool_call_id": "c1" }));
    }

    #[test]
    fn what_a_message_holds_beside_its_text_goes_along() {
        let parts = json!([{ "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } }]);
        let extra = json!({ "content": parts, "name": "ada", "role": "system" }).as_object().cloned().unwrap();
        let marked = PromptMessage { extra, ..PromptMessage::text(PromptRole::User, "a") };
        assert_eq!(message(&marked), json!({ "role": "user", "content": parts, "name": "ada" }));
        let custom = json!({ "name": "shell", "input": "ls" });
        let extra = json!({ "custom": custom }).as_object().cloned().unwrap();
        let call = ToolCall { id: "c1".to_owned(), name: "shell".to_owned(), arguments: "ls".to_owned(), extra };
        let called = PromptMessage { tool_calls: vec![call], ..PromptMessage::text(PromptRole::Assistant, "") };
        let expected = json!({ "role": "assistant", "content": null,
            "tool_calls": [{ "id": "c1", "type": "custom", "custom": custom }] });
        assert_eq!(message(&called), expected);
    }
}
