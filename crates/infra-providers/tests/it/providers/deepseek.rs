//! DeepSeek.

use std::time::Duration;

use domain::{
    gateways::{ChatDelta, GatewayErrorKind as Kind},
    usage::TokenUsage,
};
use infra_providers::scripted::Verbatim;

use super::{answered, deltas, error, finished, reasoning, text, usage, whole};
use crate::check;

#[tokio::test]
async fn usage_comes_with_the_reason_and_counts_what_was_cached() {
    let events = r#": keep-alive

: keep-alive

data: {"id":"1","object":"chat.completion.chunk","created":1764000000,"model":"deepseek-reasoner","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":""},"logprobs":null,"finish_reason":null}]}

data: {"id":"1","object":"chat.completion.chunk","created":1764000000,"model":"deepseek-reasoner","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":null,"reasoning_content":"Hm"},"logprobs":null,"finish_reason":null}]}

data: {"id":"1","object":"chat.completion.chunk","created":1764000000,"model":"deepseek-reasoner","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"Hi","reasoning_content":null},"logprobs":null,"finish_reason":null}]}

data: {"id":"1","object":"chat.completion.chunk","created":1764000000,"model":"deepseek-reasoner","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":70,"completion_tokens":9,"total_tokens":79,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":6,"completion_tokens_details":{"reasoning_tokens":6}}}

data: [DONE]

"#;
    let tokens = TokenUsage { input_tokens: 70, cached_input_tokens: 64, output_tokens: 9, reasoning_tokens: 6 };
    assert_eq!(deltas(events).await, [reasoning("Hm"), text("Hi"), finished("stop"), ChatDelta::Usage(tokens)]);
}

#[tokio::test]
async fn blank_lines_before_a_whole_answer_are_signs_of_life() {
    let body = r#"{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":1,"total_tokens":5}}"#;
    let mut pieces = vec![b"\n".to_vec(); 10];
    pieces.push(body.as_bytes().to_vec());
    let response = Verbatim { pieces, pause: Duration::from_millis(200), ..Verbatim::json(200, "") };
    assert_eq!(whole(answered(response).await), [text("Hi"), finished("stop"), ChatDelta::Usage(usage(4, 1))]);
}

#[tokio::test]
async fn an_empty_purse_is_told_as_such() {
    let body = r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#;
    let poor = error(Verbatim::json(402, body)).await;
    check(&poor, Kind::RateLimited);
    assert!(poor.message.contains("top it up"), "{}", poor.message);
    let wrong = r#"{"error":{"message":"Failed to deserialize the JSON body into the target type: missing field `content`","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#;
    check(&error(Verbatim::json(422, wrong)).await, Kind::InvalidRequest);
}
