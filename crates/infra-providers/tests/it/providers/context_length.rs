//! Prompts that do not fit, in the words of each provider.

use domain::gateways::GatewayErrorKind as Kind;
use infra_providers::scripted::Verbatim;
use serde_json::json;

use super::error;
use crate::check;

#[tokio::test]
async fn a_prompt_that_does_not_fit_is_told_by_the_code_that_clients_know() {
    for said in [
        "Please reduce the length of the messages or completion.",
        "prompt is too long: 200001 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context \
         length of only 4096 tokens",
        "The input exceeds the context window of this model.",
    ] {
        let body = json!({ "error": { "message": said, "code": 400 } }).to_string();
        let refused = error(Verbatim::json(400, body.as_str())).await;
        check(&refused, Kind::ContextLength);
        assert_eq!((refused.kind.code(), refused.message.ends_with(said)), ("context_length_exceeded", true), "{said}");
    }
    // What else speaks of a length or a context is no such refusal.
    let other =
        r#"{"error":{"message":"max_tokens is too large: this model supports at most 16384 completion tokens"}}"#;
    check(&error(Verbatim::json(400, other)).await, Kind::InvalidRequest);
    let broken = r#"{"error":{"message":"failed to allocate a context size of 32768","code":500}}"#;
    check(&error(Verbatim::events(format!("data: {broken}\n\n"))).await, Kind::Failed);
}
