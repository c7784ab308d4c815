//! Anthropic by its OpenAI face, `https://api.anthropic.com/v1/`.

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::Verbatim;

use super::{answered, deltas, error, finished, text, usage};
use crate::check;

#[tokio::test]
async fn pings_are_passed_over() {
    let events = "event: ping\ndata: {\"type\": \"ping\"}\n\ndata: {\"id\":\"msg_1\",\"choices\":[{\"index\":0,\"delta\":\
                  {\"content\":\"Hi\",\"role\":\"assistant\"}}],\"created\":1764000000,\"model\":\"claude\",\"object\":\
                  \"chat.completion.chunk\"}\n\nevent: ping\ndata: ping\n\ndata: \n\n: ping\n\ndata: {\"id\":\"msg_1\",\
                  \"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"created\":1764000000,\"object\":\
                  \"chat.completion.chunk\"}\n\ndata: {\"id\":\"msg_1\",\"choices\":[],\"usage\":{\"completion_tokens\":4,\
                  \"prompt_tokens\":9,\"total_tokens\":13},\"object\":\"chat.completion.chunk\"}\n\ndata: [DONE]\n\n";
    assert_eq!(deltas(events).await, [text("Hi"), finished("stop"), ChatDelta::Usage(usage(9, 4))]);
}

#[tokio::test]
async fn errors_have_the_form_of_either_face() {
    let own = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages: at least one message is required"},"request_id":"req_1"}"#;
    let refused = error(Verbatim::json(400, own)).await;
    check(&refused, Kind::InvalidRequest);
    assert!(refused.message.contains("at least one message"), "{}", refused.message);
    let overloaded = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\nevent: error\ndata: \
                      {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let answer = answered(Verbatim::events(overloaded)).await;
    assert_eq!(answer.text, "Hi");
    check(answer.error.as_ref().unwrap(), Kind::Failed);
    let others = r#"data: {"error":{"code":"api_error","message":"Internal server error","param":null,"type":"invalid_request_error"}}

"#;
    check(&error(Verbatim::events(others)).await, Kind::InvalidRequest);
}
