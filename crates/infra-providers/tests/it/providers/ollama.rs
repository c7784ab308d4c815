//! Ollama.

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::Verbatim;

use super::{call, deltas, error, finished, reasoning, text, usage};
use crate::check;

#[tokio::test]
async fn reasoning_stands_in_a_field_of_its_own_and_calls_come_whole() {
    let events = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"qwen3:4b","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"Hm"},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"qwen3:4b","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"qwen3:4b","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call_a1","index":0,"type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}}]},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"qwen3:4b","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call_a2","index":0,"type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"qwen3:4b","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"qwen3:4b","system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":27,"completion_tokens":9,"total_tokens":36}}

data: [DONE]

"#;
    assert_eq!(
        deltas(events).await,
        [
            reasoning("Hm"),
            text("Hi"),
            ChatDelta::ToolCall(call("call_a1", "weather", "{\"city\":\"Oslo\"}")),
            ChatDelta::ToolCall(call("call_a2", "weather", "{\"city\":\"Rome\"}")),
            finished("tool_calls"),
            ChatDelta::Usage(usage(27, 9)),
        ]
    );
}

#[tokio::test]
async fn a_model_that_was_not_pulled_and_a_path_that_is_not_there_are_told_apart() {
    let model = r#"{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}}"#;
    check(&error(Verbatim::json(404, model)).await, Kind::UnknownModel);
    let path = error(Verbatim::new(404, "text/plain", "404 page not found")).await;
    check(&path, Kind::Protocol);
    assert!(path.message.contains("base URL"), "{}", path.message);
}

#[tokio::test]
async fn a_runner_that_dies_ends_the_stream_with_an_error() {
    let events = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}

data: {"error":{"message":"an error was encountered while running the model: unexpected EOF","type":"api_error","param":null,"code":null}}

"#;
    check(&error(Verbatim::events(events)).await, Kind::Failed);
}
