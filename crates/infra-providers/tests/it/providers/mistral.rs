//! Mistral.

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::{Script, ScriptedServer, Verbatim};
use serde_json::json;

use super::{answered, asked_after, call, deltas, fields, finished, ours, reasoning, text, usage, whole};
use crate::{answer, ask, chat, check};

#[tokio::test]
async fn thoughts_stand_in_a_list_of_parts() {
    let events = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1764000000,"model":"magistral-medium","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"c1","object":"chat.completion.chunk","created":1764000000,"model":"magistral-medium","choices":[{"index":0,"delta":{"index":0,"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm, "}],"closed":true}]},"finish_reason":null,"logprobs":null}]}

data: {"id":"c1","object":"chat.completion.chunk","created":1764000000,"model":"magistral-medium","choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"so"}]},{"type":"text","text":"Hi"}]},"finish_reason":null}]}

data: {"id":"c1","object":"chat.completion.chunk","created":1764000000,"model":"magistral-medium","choices":[{"index":0,"delta":{"content":[{"type":"reference","reference_ids":[1]}]},"finish_reason":null}]}

data: {"id":"c1","object":"chat.completion.chunk","created":1764000000,"model":"magistral-medium","choices":[{"index":0,"delta":{"content":"!","tool_calls":null},"finish_reason":"model_length"}],"usage":{"prompt_tokens":8,"total_tokens":20,"completion_tokens":12}}

data: [DONE]

"#;
    let expected =
        [reasoning("Hm, "), reasoning("so"), text("Hi"), text("!"), finished("length"), ChatDelta::Usage(usage(8, 12))];
    assert_eq!(deltas(events).await, expected);
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_has_parts_too() {
    let body = r#"{"id":"c1","object":"chat.completion","created":1764000000,"model":"magistral-medium","choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":"Xk2pQ9aBc","function":{"name":"weather","arguments":{"city":"Oslo"}},"index":0}],"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]},{"type":"text","text":"Hi"}],"prefix":false},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":8,"total_tokens":20,"completion_tokens":12}}"#;
    let called = ChatDelta::ToolCall(call("Xk2pQ9aBc", "weather", "{\"city\":\"Oslo\"}"));
    let expected = [reasoning("Hm"), text("Hi"), called, finished("tool_calls"), ChatDelta::Usage(usage(8, 12))];
    assert_eq!(whole(answered(Verbatim::json(200, body)).await), expected);
}

#[tokio::test]
async fn what_it_does_not_know_it_forbids() {
    let nested = r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted","input":{"include_usage":true}}]},"type":"invalid_request_error","param":null,"code":null}"#;
    let several = r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted","input":{"include_usage":true}},{"type":"extra_forbidden","loc":["body","max_tokens"],"msg":"Extra inputs are not permitted","input":9}]}"#;
    let quoted = r#"{"object":"error","message":"{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"stream_options\"],\"msg\":\"Extra inputs are not permitted\",\"input\":1}]}","type":"internal_error_proxy","param":null,"code":"1000"}"#;
    for (refusal, expected) in [(nested, "max_tokens"), (several, "max_completion_tokens"), (quoted, "max_tokens")] {
        let bodies = asked_after(422, &[refusal]).await;
        assert_eq!(bodies.len(), 3, "{refusal}");
        assert_eq!((ours(&bodies[1]), ours(&bodies[2])), (vec![expected], vec![expected]), "{refusal}");
    }
    let of_the_client = r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","top_k"],"msg":"Extra inputs are not permitted","input":20}]},"type":"invalid_request_error","param":null,"code":null}"#;
    let server = ScriptedServer::start().await.unwrap();
    server.push(Script::verbatim(Verbatim::json(422, of_the_client)));
    let mut request = ask("hello");
    request.options.extra = fields(json!({ "top_k": 20 }));
    let refused = answer(&chat(&server), request).await.error.unwrap();
    check(&refused, Kind::InvalidRequest);
    assert!(refused.message.ends_with(": body.top_k: Extra inputs are not permitted"), "{}", refused.message);
    assert_eq!(server.requests()[0].body["top_k"], 20);
}
