//! Azure's OpenAI service by its v1 face, `https://<resource>.openai.azure.com/openai/v1/`.

use std::sync::Arc;

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::{
    OpenAiChat,
    scripted::{Script, ScriptedServer, Verbatim},
};

use super::{asked_after, deltas, error, finished, ours, text, usage};
use crate::{KEY, answer, ask, check, connect};

#[tokio::test]
async fn chunks_without_choices_or_without_a_delta_are_passed_over() {
    let events = r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"filtered":false,"detected":false}}}]}

data: {"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"created":1764000000,"id":"chatcmpl-1","model":"gpt-4.1-2025-04-14","object":"chat.completion.chunk","system_fingerprint":"fp_1","usage":null}

data: {"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":"Hi"},"finish_reason":null,"index":0,"logprobs":null}],"created":1764000000,"id":"chatcmpl-1","model":"gpt-4.1-2025-04-14","object":"chat.completion.chunk","usage":null}

data: {"id":"","object":"","created":0,"model":"","choices":[{"index":0,"finish_reason":null,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"content_filter_offsets":{"check_offset":44,"start_offset":44,"end_offset":198}}],"usage":null}

data: {"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0,"logprobs":null}],"created":1764000000,"id":"chatcmpl-1","model":"gpt-4.1-2025-04-14","object":"chat.completion.chunk","usage":null}

data: {"choices":[],"created":1764000000,"id":"chatcmpl-1","model":"gpt-4.1-2025-04-14","object":"chat.completion.chunk","usage":{"completion_tokens":2,"prompt_tokens":9,"total_tokens":11}}

data: [DONE]

"#;
    assert_eq!(deltas(events).await, [text("Hi"), finished("stop"), ChatDelta::Usage(usage(9, 2))]);
}

#[tokio::test]
async fn its_key_goes_as_a_bearer_below_its_own_path() {
    let server = ScriptedServer::start().await.unwrap();
    server.push(Script::reply("Hi"));
    let mut base_url = server.serve_below("/openai/v1");
    base_url.set_path("/openai/v1/");
    let model = OpenAiChat::new(Arc::clone(&connect(&base_url)));
    assert_eq!(answer(&model, ask("hello")).await.text, "Hi");
    let request = &server.requests()[0];
    assert_eq!(request.path, "/openai/v1/chat/completions");
    assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

#[tokio::test]
async fn its_refusals_are_told_and_understood() {
    let filtered = r#"{"error":{"inner_error":{"code":"ResponsibleAIPolicyViolation","content_filter_results":{"violence":{"filtered":true,"severity":"medium"}}},"code":"content_filter","message":"The response was filtered due to the prompt triggering the content management policy.","param":"prompt","type":null}}"#;
    let refused = error(Verbatim::json(400, filtered)).await;
    check(&refused, Kind::ContentFilter);
    assert!(refused.message.contains("content management policy"), "{}", refused.message);
    let no_key =
        r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#;
    check(&error(Verbatim::json(401, no_key)).await, Kind::Unauthorized);
    let no_deployment =
        r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#;
    check(&error(Verbatim::json(404, no_deployment)).await, Kind::UnknownModel);
    let limit = r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#;
    let options = r#"{"error":{"message":"Unrecognized request argument supplied: stream_options","type":"invalid_request_error","param":null,"code":null}}"#;
    let bodies = asked_after(400, &[limit, options]).await;
    assert_eq!(bodies.len(), 4);
    assert_eq!(ours(&bodies[3]), ["max_completion_tokens"]);
}
