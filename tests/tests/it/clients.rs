//! Clients as they really are: what OpenAI's clients and other programs send, and what they need back.

mod answers;
mod http;
mod kept;
mod requests;
mod upstream;

use anyhow::Result;
use e2e::{Client, Response};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{PRICED, World};

/// A chat completion of one question, with these fields beside or instead.
pub(crate) fn chat(fields: Value) -> Value {
    let mut body = json!({ "model": PRICED, "messages": [{ "role": "user", "content": "Hello?" }] });
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    body
}

/// Asks for a chat completion, and gives what the provider was sent for it.
pub(crate) async fn sent_for(world: &World, client: &Client, body: Value) -> Result<Value> {
    client.post("/v1/chat/completions", &body).await?.expect(200)?;
    Ok(world.upstream.requests().last().map(|request| request.body.clone()).unwrap_or_default())
}

/// The error object of a refused request of `/v1`.
pub(crate) async fn refused(client: &Client, path: &str, body: &Value, status: u16) -> Result<Value> {
    Ok(client.post(path, body).await?.expect(status)?["error"].clone())
}

/// A request with headers and a body as they are.
pub(crate) async fn raw(
    client: &Client,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Result<Response> {
    let request = client.request(method, path).body(body.into());
    Response::of(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// The data of a stream of nameless events, without the last word.
pub(crate) fn data_of(events: &[e2e::Event]) -> Result<Vec<Value>> {
    let data = events.iter().filter(|event| event.data != "[DONE]");
    data.map(e2e::Event::json).collect()
}
