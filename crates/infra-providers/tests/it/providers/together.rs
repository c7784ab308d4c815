//! Together.

use domain::gateways::{ChatDelta, ChatModels, GatewayErrorKind as Kind};
use infra_providers::{
    Provider, ProviderRegistry, ProviderSettings,
    scripted::{ScriptedServer, Verbatim},
};

use super::{deltas, error, finished, text, usage};
use crate::{TestClock, check, timeouts};

#[tokio::test]
async fn the_text_stands_twice_in_a_chunk_and_is_said_once() {
    let events = r#"data: {"id":"o1","object":"chat.completion.chunk","created":1764000000,"choices":[{"index":0,"text":"Hi","logprobs":null,"finish_reason":null,"seed":null,"delta":{"token_id":9906,"role":"assistant","content":"Hi","tool_calls":null}}],"model":"meta-llama/Llama-3.3-70B-Instruct-Turbo","usage":null}

data: {"id":"o1","object":"chat.completion.chunk","created":1764000000,"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"eos","seed":7,"delta":{"token_id":128009,"role":"assistant","content":"","tool_calls":null}}],"model":"meta-llama/Llama-3.3-70B-Instruct-Turbo","usage":{"prompt_tokens":36,"completion_tokens":2,"total_tokens":38,"cached_tokens":0}}

data: [DONE]

"#;
    assert_eq!(deltas(events).await, [text("Hi"), finished("stop"), ChatDelta::Usage(usage(36, 2))]);
}

#[tokio::test]
async fn a_message_beside_the_delta_is_not_said_again() {
    let events = r#"data: {"choices":[{"index":0,"delta":{"content":"Hello"},"message":{"content":"Hello"}}]}

data: {"choices":[{"index":0,"delta":{"content":" world"},"message":{"content":"Hello world"},"finish_reason":"stop"}]}

data: [DONE]

"#;
    assert_eq!(deltas(events).await, [text("Hello"), text(" world"), finished("stop")]);
}

#[tokio::test]
async fn its_list_is_a_bare_array() {
    let server = ScriptedServer::start().await.unwrap();
    server.set_list(Verbatim::json(
        200,
        r#"[{"id":"meta-llama/Llama-3.3-70B-Instruct-Turbo","object":"model","created":1733500000,"type":"chat","display_name":"Llama","context_length":131072,"pricing":{"hourly":0,"input":0.88}},{"id":"black-forest-labs/FLUX.1","object":"model","created":0,"type":"image"}]"#,
    ));
    let provider = Provider { timeouts: timeouts(), ..Provider::new("together", server.base_url()) };
    let settings = ProviderSettings { providers: vec![provider], ..ProviderSettings::default() };
    let registry = ProviderRegistry::new(&settings, &(TestClock::new() as _)).unwrap();
    let names: Vec<String> = registry.list().await.iter().map(|model| model.name.to_string()).collect();
    assert_eq!(names[1..], ["together/meta-llama/Llama-3.3-70B-Instruct-Turbo", "together/black-forest-labs/FLUX.1"]);
}

#[tokio::test]
async fn an_error_may_stand_in_an_answer_of_success() {
    let events = r#"data: {"error":{"message":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193","type":"invalid_request_error","param":"max_tokens","code":null},"id":"o1"}

data: [DONE]

"#;
    check(&error(Verbatim::events(events)).await, Kind::InvalidRequest);
}
