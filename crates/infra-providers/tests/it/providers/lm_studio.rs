//! LM Studio.

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::Verbatim;

use super::{answered, deltas, error, finished, text, usage};
use crate::check;

#[tokio::test]
async fn a_stream_names_neither_usage_nor_delta_at_its_end() {
    let events = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gemma-3-4b","system_fingerprint":"gemma-3-4b","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"logprobs":null,"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gemma-3-4b","system_fingerprint":"gemma-3-4b","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gemma-3-4b","system_fingerprint":"gemma-3-4b","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}

data: [DONE]

"#;
    assert_eq!(deltas(events).await, [text("Hi"), finished("stop"), ChatDelta::Usage(usage(10, 1))]);
}

#[tokio::test]
async fn a_path_that_it_does_not_know_has_a_status_of_success() {
    let body = r#"{"error":"Unexpected endpoint or method. (POST /chat/completions)"}"#;
    let wrong = error(Verbatim::new(200, "application/json; charset=utf-8", body)).await;
    check(&wrong, Kind::Protocol);
    assert!(wrong.message.contains("usually ends in /v1"), "{}", wrong.message);
}

#[tokio::test]
async fn an_error_is_an_event_of_that_name() {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\nevent: error\ndata: \
                  {\"error\":{\"message\":\"The model has crashed without additional information.\"},\"message\":\"x\"}\n\n";
    let answer = answered(Verbatim::events(events)).await;
    assert_eq!(answer.text, "Hi");
    check(answer.error.as_ref().unwrap(), Kind::Failed);
    let refused = error(Verbatim::json(400, r#"{"error":"Model is not loaded"}"#)).await;
    check(&refused, Kind::InvalidRequest);
    assert!(refused.message.ends_with(": Model is not loaded"), "{}", refused.message);
}
