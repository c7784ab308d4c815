//! Groq.

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::Verbatim;

use super::{answered, deltas, finished, reasoning, text, usage};
use crate::check;

#[tokio::test]
async fn usage_stands_in_a_field_of_its_own() {
    let events = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"openai/gpt-oss-20b","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[]},"logprobs":null,"finish_reason":null}],"x_groq":{"id":"req_1","seed":1}}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"openai/gpt-oss-20b","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"reasoning":"Hm","channel":"analysis"},"logprobs":null,"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"openai/gpt-oss-20b","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"openai/gpt-oss-20b","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"x_groq":{"id":"req_1","usage":{"queue_time":0.02,"prompt_tokens":72,"prompt_time":0.004,"completion_tokens":21,"completion_time":0.03,"total_tokens":93,"total_time":0.034}}}

data: [DONE]

"#;
    assert_eq!(deltas(events).await, [reasoning("Hm"), text("Hi"), finished("stop"), ChatDelta::Usage(usage(72, 21))]);
}

#[tokio::test]
async fn a_call_that_failed_is_an_error_event_with_its_status_inside() {
    let events = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Let me see."},"finish_reason":null}]}

event: error
data: {"error":{"message":"Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"<function=weather>","status_code":400}}

"#;
    let answer = answered(Verbatim::events(events)).await;
    assert_eq!(answer.text, "Let me see.");
    let refused = answer.error.unwrap();
    check(&refused, Kind::InvalidRequest);
    assert!(refused.message.contains("Failed to call a function"), "{}", refused.message);
}

#[tokio::test]
async fn its_limits_say_how_long_to_wait() {
    let mut response = Verbatim::json(
        429,
        r#"{"error":{"message":"Rate limit reached for model","type":"tokens","code":"rate_limit_exceeded"}}"#,
    );
    response.headers.push_str("retry-after: 11.5\r\n");
    let limited = super::error(response).await;
    check(&limited, Kind::RateLimited);
    assert_eq!(limited.retry_after, Some(std::time::Duration::from_millis(11_500)));
}
