//! Gemini by its OpenAI face, `https://generativelanguage.googleapis.com/v1beta/openai/`.

use std::sync::Arc;

use domain::gateways::{
    AnswerExtra, ChatDelta, ChatRequest, GatewayErrorKind as Kind, PromptMessage, PromptRole, ToolCall,
};
use infra_providers::{
    OpenAiChat,
    scripted::{Script, ScriptedServer, Verbatim},
};
use serde_json::json;

use super::{call, deltas, error, fields, finished, text};
use crate::{answer, ask, check, connect};

const CALLS: &str = r#"data: {"choices":[{"delta":{"role":"assistant","tool_calls":[{"extra_content":{"google":{"thought_signature":"EjQKMgEM"}},"function":{"arguments":"{\"city\":\"Oslo\"}","name":"weather"},"id":"function-call-1","type":"function"}]},"index":0}],"created":1764000000,"id":"x1","model":"gemini-3-pro","object":"chat.completion.chunk","usage":{"completion_tokens":18,"prompt_tokens":50,"total_tokens":68}}

data: {"choices":[{"delta":{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"city\":\"Rome\"}","name":"weather"},"id":"function-call-2","type":"function"}]},"finish_reason":"stop","index":0}],"created":1764000000,"id":"x1","model":"gemini-3-pro","object":"chat.completion.chunk","usage":{"completion_tokens":30,"prompt_tokens":50,"total_tokens":80}}

data: [DONE]

"#;

fn signed() -> ToolCall {
    let extra = fields(json!({ "extra_content": { "google": { "thought_signature": "EjQKMgEM" } } }));
    ToolCall { extra, ..call("function-call-1", "weather", "{\"city\":\"Oslo\"}") }
}

#[tokio::test]
async fn calls_have_no_index_but_a_signature_and_the_reason_is_stop() {
    let told = deltas(CALLS).await;
    let said: Vec<&ChatDelta> = told.iter().filter(|delta| !matches!(delta, ChatDelta::Usage(_))).collect();
    let second = ChatDelta::ToolCall(call("function-call-2", "weather", "{\"city\":\"Rome\"}"));
    assert_eq!(said, [&ChatDelta::ToolCall(signed()), &second, &finished("tool_calls")]);
    assert!(matches!(told.last(), Some(ChatDelta::Usage(usage)) if usage.output_tokens == 30));
}

#[tokio::test]
async fn a_signature_may_come_behind_its_call_or_beside_the_text() {
    let events = r#"data: {"choices":[{"delta":{"role":"assistant","content":"Hi","extra_content":{"google":{"thought_signature":"dGV4dA"}}},"index":0}],"id":"x1","object":"chat.completion.chunk"}

data: {"choices":[{"delta":{"tool_calls":[{"id":"function-call-1","type":"function","function":{"name":"weather","arguments":"{\"city\":"}}]},"index":0}]}

data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"\"Oslo\"}"}}]},"index":0}]}

data: {"choices":[{"delta":{"tool_calls":[{"extra_content":{"google":{"thought_signature":"EjQKMgEM"}}}]},"finish_reason":"stop","index":0}]}

data: [DONE]

"#;
    let beside =
        AnswerExtra::of_message(fields(json!({ "extra_content": { "google": { "thought_signature": "dGV4dA" } } })));
    let beside = ChatDelta::Extra(beside);
    assert_eq!(deltas(events).await, [text("Hi"), beside, ChatDelta::ToolCall(signed()), finished("tool_calls")]);
}

#[tokio::test]
async fn a_signature_goes_back_where_it_was() {
    let server = ScriptedServer::start().await.unwrap();
    server.push(Script::reply("Rain"));
    let base_url = server.serve_below("/v1beta/openai");
    let called = PromptMessage { tool_calls: vec![signed()], ..PromptMessage::text(PromptRole::Assistant, "") };
    let result = PromptMessage {
        tool_call_id: Some("function-call-1".to_owned()),
        ..PromptMessage::text(PromptRole::Tool, "rain")
    };
    let mut request: ChatRequest = ask("hello");
    request.messages.extend([called, result]);
    let model = OpenAiChat::new(Arc::clone(&connect(&base_url)));
    assert_eq!(answer(&model, request).await.text, "Rain");
    let sent = &server.requests()[0];
    assert_eq!(sent.path, "/v1beta/openai/chat/completions");
    let extra = sent.body.pointer("/messages/1/tool_calls/0/extra_content/google/thought_signature").unwrap();
    assert_eq!(extra, "EjQKMgEM");
}

#[tokio::test]
async fn errors_are_lists() {
    let body = r#"[{"error":{"code":400,"message":"Function call is missing a thought_signature in functionCall parts.","status":"INVALID_ARGUMENT"}}]"#;
    let refused = error(Verbatim::json(400, body)).await;
    check(&refused, Kind::InvalidRequest);
    assert!(refused.message.contains("missing a thought_signature"), "{}", refused.message);
    let exhausted = r#"data: [{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}]

"#;
    check(&error(Verbatim::events(exhausted)).await, Kind::RateLimited);
    let overloaded = r#"[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]"#;
    check(&error(Verbatim::json(200, overloaded)).await, Kind::Failed);
}
