//! OpenAI itself.

use domain::{
    gateways::{ChatDelta, GatewayErrorKind as Kind},
    usage::TokenUsage,
};
use infra_providers::scripted::Verbatim;

use super::{asked_after, call, deltas, error, finished, ours, text};
use crate::check;

#[tokio::test]
async fn a_stream_ends_with_its_usage() {
    let events = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4.1-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"8Jd2"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4.1-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"uE"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4.1-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_A","type":"function","function":{"name":"weather","arguments":""}}]},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4.1-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Oslo\"}"}}]},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4.1-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4.1-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}

data: [DONE]

"#;
    let tokens = TokenUsage { input_tokens: 19, output_tokens: 10, cached_input_tokens: 8, reasoning_tokens: 4 };
    let called = ChatDelta::ToolCall(call("call_A", "weather", "{\"city\":\"Oslo\"}"));
    assert_eq!(deltas(events).await, [text("Hi"), called, finished("tool_calls"), ChatDelta::Usage(tokens)]);
}

#[tokio::test]
async fn the_older_function_call_is_a_tool_call() {
    let events = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"function_call":{"name":"weather","arguments":""}},"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"function_call":{"arguments":"{}"}},"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"function_call"}]}

data: [DONE]

"#;
    let [ChatDelta::ToolCall(called), end] = &deltas(events).await[..] else { panic!("a call and its end") };
    assert_eq!((called.name.as_str(), called.arguments.as_str(), called.id.len()), ("weather", "{}", 9));
    assert_eq!(*end, finished("tool_calls"));
}

#[tokio::test]
async fn a_newer_model_wants_the_bound_under_its_newer_name() {
    let refusal = r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#;
    let bodies = asked_after(400, &[refusal]).await;
    assert_eq!(
        bodies.iter().map(ours).collect::<Vec<_>>(),
        [
            vec!["stream_options", "max_tokens"],
            vec!["stream_options", "max_completion_tokens"],
            vec!["stream_options", "max_completion_tokens"],
        ]
    );
    assert_eq!(bodies[1]["max_completion_tokens"], 9);
}

#[tokio::test]
async fn who_may_not_stream_gets_the_answer_whole() {
    let refusal = r#"{"error":{"message":"Your organization must be verified to stream this model.","type":"invalid_request_error","param":"stream","code":"unsupported_value"}}"#;
    let bodies = asked_after(400, &[refusal]).await;
    assert_eq!(bodies.iter().map(|body| body["stream"].clone()).collect::<Vec<_>>(), [true, false, false]);
    assert!(bodies[1].get("stream_options").is_none());
}

#[tokio::test]
async fn what_the_client_asked_for_is_not_taken_away() {
    let refusal = r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#;
    let refused = error(Verbatim::json(400, refusal)).await;
    check(&refused, Kind::InvalidRequest);
    assert!(refused.message.contains("'temperature' does not support 0.5"), "{}", refused.message);
    // The value is refused, and not the field.
    let too_many = r#"{"error":{"message":"max_tokens is too large: 200000. This model supports at most 16384 completion tokens, whereas you provided 200000.","type":"invalid_request_error","param":"max_tokens","code":"invalid_value"}}"#;
    check(&error(Verbatim::json(400, too_many)).await, Kind::InvalidRequest);
}

#[tokio::test]
async fn errors_come_as_statuses_and_in_the_middle_of_a_stream() {
    let too_long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    check(&error(Verbatim::json(400, too_long)).await, Kind::ContextLength);
    let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    check(&error(Verbatim::json(429, quota)).await, Kind::RateLimited);
    let failed = r#"data: {"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}

"#;
    check(&error(Verbatim::events(failed)).await, Kind::Failed);
}
