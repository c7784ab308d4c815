//! OpenRouter.

use domain::gateways::{AnswerExtra, ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::Verbatim;
use serde_json::json;

use super::{answered, deltas, error, fields, finished, reasoning, text};
use crate::check;

#[tokio::test]
async fn comments_are_passed_over_and_details_of_reasoning_handed_on() {
    let events = r#": OPENROUTER PROCESSING

: OPENROUTER PROCESSING

data: {"id":"gen-1","provider":"Anthropic","model":"anthropic/claude-sonnet-4.5","object":"chat.completion.chunk","created":1764000000,"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"Hm","reasoning_details":[{"type":"reasoning.text","text":"Hm","format":"anthropic-claude-v1","index":0}]},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}

data: {"id":"gen-1","provider":"Anthropic","model":"anthropic/claude-sonnet-4.5","object":"chat.completion.chunk","created":1764000000,"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":null,"reasoning_details":[{"type":"reasoning.text","signature":"c2ln","format":"anthropic-claude-v1","index":0}]},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}

data: {"id":"gen-1","provider":"Anthropic","model":"anthropic/claude-sonnet-4.5","object":"chat.completion.chunk","created":1764000000,"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}

data: {"id":"gen-1","provider":"Anthropic","model":"anthropic/claude-sonnet-4.5","object":"chat.completion.chunk","created":1764000000,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop","native_finish_reason":"end_turn","logprobs":null}]}

: OPENROUTER PROCESSING

data: {"id":"gen-1","provider":"Anthropic","model":"anthropic/claude-sonnet-4.5","object":"chat.completion.chunk","created":1764000000,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null,"native_finish_reason":null,"logprobs":null}],"usage":{"prompt_tokens":14,"completion_tokens":5,"total_tokens":19,"cost":0.000117,"is_byok":false,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":3}}}

data: [DONE]

"#;
    let details = |value| ChatDelta::Extra(AnswerExtra::of_message(fields(json!({ "reasoning_details": [value] }))));
    let told = deltas(events).await;
    assert_eq!(
        told[..5],
        [
            reasoning("Hm"),
            details(json!({ "type": "reasoning.text", "text": "Hm", "format": "anthropic-claude-v1", "index": 0 })),
            details(
                json!({ "type": "reasoning.text", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0 })
            ),
            text("Hi"),
            finished("stop"),
        ]
    );
    assert!(matches!(told[5], ChatDelta::Usage(usage) if usage.reasoning_tokens == 3 && usage.input_tokens == 14));
}

#[tokio::test]
async fn a_provider_of_its_that_breaks_off_is_an_error_beside_the_choices() {
    let events = r#"data: {"id":"gen-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Once"},"finish_reason":null}]}

data: {"id":"gen-1","object":"chat.completion.chunk","created":1764000000,"model":"openai/gpt-4o","provider":"OpenAI","error":{"code":"server_error","message":"Provider disconnected unexpectedly"},"choices":[{"index":0,"delta":{"content":" upon"},"finish_reason":"error"}]}

"#;
    let answer = answered(Verbatim::events(events)).await;
    check(answer.error.as_ref().unwrap(), Kind::Failed);
    assert_eq!(answer.text, "Once upon", "the text stays, and it did not end well");
    let in_choice = r#"data: {"id":"gen-1","choices":[{"index":0,"error":{"code":429,"message":"slow down"},"delta":{"content":""}}]}

"#;
    check(&error(Verbatim::events(in_choice)).await, Kind::RateLimited);
    let bare = r#"data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}

"#;
    check(&error(Verbatim::events(bare)).await, Kind::Failed);
}

#[tokio::test]
async fn what_its_provider_said_is_told() {
    let body = r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"tools is not supported in this model\",\"type\":\"invalid_request_error\"}}","provider_name":"X"}},"user_id":"u"}"#;
    let refused = error(Verbatim::json(400, body)).await;
    check(&refused, Kind::InvalidRequest);
    assert!(refused.message.ends_with(": tools is not supported in this model"), "{}", refused.message);
    let credits = r#"{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 1","code":402}}"#;
    let poor = error(Verbatim::json(402, credits)).await;
    check(&poor, Kind::RateLimited);
    assert!(poor.message.contains("no credit left"), "{}", poor.message);
}
