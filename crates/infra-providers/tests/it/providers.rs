//! Each provider as it really speaks, byte for byte: its stream, its list, its errors and what it refuses. What is here
//! was put together from their documentation and from what their users report; ids and texts are our own.

mod anthropic;
mod azure;
mod context_length;
mod deepseek;
mod gemini;
mod groq;
mod llama_cpp;
mod lm_studio;
mod mistral;
mod ollama;
mod openai;
mod openrouter;
mod perplexity;
mod together;
mod vllm;

use domain::{
    gateways::{ChatDelta, ChatOptions, ChatRequest, Extra, GatewayError, ToolCall},
    usage::TokenUsage,
};
use infra_providers::scripted::{Script, ScriptedServer, Verbatim};
use serde_json::Value;

use crate::{Collected, answer, ask, chat};

/// The answer to a request that gets this response.
async fn answered(response: Verbatim) -> Collected {
    let server = ScriptedServer::start().await.unwrap();
    server.push(Script::verbatim(response));
    answer(&chat(&server), ask("hello")).await
}

/// The deltas of an event stream that ends well, without what stands beside the message.
async fn deltas(events: &str) -> Vec<ChatDelta> {
    whole(answered(Verbatim::events(events)).await)
}

fn whole(answer: Collected) -> Vec<ChatDelta> {
    assert!(answer.error.is_none(), "{answer:?}");
    let is_beside = |delta: &ChatDelta| matches!(delta, ChatDelta::Extra(extra) if extra.message.is_empty());
    answer.deltas.into_iter().filter(|delta| !is_beside(delta)).collect()
}

/// The error of a response that is none.
async fn error(response: Verbatim) -> GatewayError {
    answered(response).await.error.unwrap()
}

/// Asks twice with a bound on the answer's tokens; the first request is refused once for each body. Returns the bodies
/// of all requests.
async fn asked_after(status: u16, refusals: &[&str]) -> Vec<Value> {
    let server = ScriptedServer::start().await.unwrap();
    for refusal in refusals {
        server.push(Script::verbatim(Verbatim::json(status, *refusal)));
    }
    let model = chat(&server);
    let options = ChatOptions { max_output_tokens: Some(9), temperature: Some(0.5), ..ChatOptions::default() };
    for _ in 0..2 {
        let answer = answer(&model, ChatRequest { options: options.clone(), ..ask("hello") }).await;
        assert!(answer.error.is_none(), "{answer:?}");
        assert_eq!(answer.text, "The scripted model answers.");
    }
    let bodies: Vec<Value> = server.requests().iter().map(|request| request.body.clone()).collect();
    assert!(bodies.iter().all(|body| body["temperature"] == 0.5), "what the client asked for stays");
    bodies
}

/// Names of the fields of ours in a request that may be refused.
fn ours(body: &Value) -> Vec<&'static str> {
    let names = ["stream_options", "max_tokens", "max_completion_tokens"];
    names.into_iter().filter(|name| body.get(name).is_some()).collect()
}

fn text(text: &str) -> ChatDelta {
    ChatDelta::Text(text.to_owned())
}

fn reasoning(text: &str) -> ChatDelta {
    ChatDelta::Reasoning(text.to_owned())
}

fn finished(reason: &str) -> ChatDelta {
    ChatDelta::Finished(reason.to_owned())
}

fn usage(input_tokens: u64, output_tokens: u64) -> TokenUsage {
    TokenUsage { input_tokens, output_tokens, ..TokenUsage::default() }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), ..ToolCall::default() }
}

fn fields(value: Value) -> Extra {
    value.as_object().cloned().unwrap()
}
