//! A provider that says what it is given, byte by byte.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// It answers each request in the same way, and ends when it is dropped.
pub(crate) struct Upstream {
    /// What to configure as the base URL.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// One that answers with these events, and with the end that says so.
    pub(crate) async fn of_events(events: &[Value]) -> Result<Self> {
        let mut body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        body.push_str("data: [DONE]\n\n");
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, body) = (Arc::clone(&requests), Arc::new(body));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&kept), Arc::clone(&body)));
            }
        });
        Ok(Self { url, requests, task })
    }

    /// The bodies of its requests, in order.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A chunk with this delta.
pub(crate) fn chunk(delta: &Value) -> Value {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
}

/// The last chunk, with this count of tokens.
pub(crate) fn last(finish_reason: &str, usage: &Value) -> Value {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m",
        "choices": [{ "index": 0, "delta": {}, "finish_reason": finish_reason }], "usage": usage })
}

/// Answers one request, and closes.
async fn serve(mut socket: TcpStream, requests: Arc<Mutex<Vec<Value>>>, body: Arc<String>) -> Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        let mut piece = vec![0; 64 * 1024];
        let length = socket.read(&mut piece).await?;
        bytes.extend_from_slice(&piece[..length]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if length == 0 {
            return Ok(());
        }
    };
    let lines = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = lines.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    while bytes.len() < head + length {
        let mut piece = vec![0; 64 * 1024];
        let more = socket.read(&mut piece).await?;
        bytes.extend_from_slice(&piece[..more]);
        if more == 0 {
            return Ok(());
        }
    }
    let (kind, answer) = match lines.starts_with("get ") {
        true => ("application/json", json!({ "object": "list", "data": [{ "id": "m" }] }).to_string()),
        false => {
            let asked = serde_json::from_slice(&bytes[head..])?;
            requests.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            ("text/event-stream", body.to_string())
        }
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    socket.write_all(format!("{head}{answer}").as_bytes()).await?;
    Ok(())
}
