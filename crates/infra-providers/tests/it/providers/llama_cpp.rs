//! The server of llama.cpp.

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::Verbatim;

use super::{answered, deltas, error, finished, reasoning, text, usage, whole};
use crate::check;

#[tokio::test]
async fn timings_stand_beside_the_choices_and_the_usage_behind() {
    let events = r#"data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1764000000,"id":"chatcmpl-1","model":"x.gguf","system_fingerprint":"b7000","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"reasoning_content":"Hm"}}],"created":1764000000,"id":"chatcmpl-1","model":"x.gguf","system_fingerprint":"b7000","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}],"created":1764000000,"id":"chatcmpl-1","model":"x.gguf","system_fingerprint":"b7000","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1764000000,"id":"chatcmpl-1","model":"x.gguf","system_fingerprint":"b7000","object":"chat.completion.chunk"}

data: {"choices":[],"created":1764000000,"id":"chatcmpl-1","model":"x.gguf","system_fingerprint":"b7000","object":"chat.completion.chunk","usage":{"completion_tokens":2,"prompt_tokens":11,"total_tokens":13},"timings":{"cache_n":0,"prompt_n":11,"predicted_per_second":41.5}}

data: [DONE]

"#;
    let expected = [reasoning("Hm"), text("Hi"), finished("stop"), ChatDelta::Usage(usage(11, 2))];
    assert_eq!(deltas(events).await, expected);
}

#[tokio::test]
async fn older_ones_tell_an_error_in_a_field_of_its_own() {
    let events = "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\nerror: \
                  {\"code\":500,\"message\":\"context shift is disabled\",\"type\":\"server_error\"}\n\n";
    let answer = answered(Verbatim::events(events)).await;
    assert_eq!(answer.text, "Hi");
    check(answer.error.as_ref().unwrap(), Kind::Failed);
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_told_as_such_whatever_the_status() {
    let said = r#""message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":1407,"n_ctx":256}}"#;
    for response in [
        Verbatim::json(400, format!(r#"{{"error":{{"code":400,{said}"#)),
        Verbatim::json(200, format!(r#"{{"error":{{"code":400,{said}"#)),
        Verbatim::events(format!("data: {{\"error\":{{\"code\":500,{said}\n\n")),
    ] {
        let refused = error(response).await;
        check(&refused, Kind::ContextLength);
        assert!(refused.message.contains("available context size"), "{}", refused.message);
    }
    let loading = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
    check(&error(Verbatim::events(format!("data: {loading}\n\n"))).await, Kind::Failed);
}

#[tokio::test]
async fn characters_that_tokens_split_come_out_whole() {
    let events = r#"data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"hi \ud83c"}}]}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"\udf32!"}}]}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"\ud83c"}}]}

data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}]}

data: [DONE]

"#;
    let answer = answered(Verbatim::events(events)).await;
    assert_eq!(answer.text, "hi 🌲!\u{fffd}");
    assert_eq!(whole(answer).last(), Some(&finished("stop")));
}
