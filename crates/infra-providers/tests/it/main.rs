//! The providers against a scripted server, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod blobs;
mod chat;
mod chat_faults;
mod egress;
mod embeddings;
mod kept_connections;
mod labels;
mod providers;
mod registry;
mod routes;
mod scripted;

use std::{
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta};
use domain::{
    clock::{Clock, Timestamp},
    gateways::{ChatDelta, ChatModel, ChatRequest, GatewayError, GatewayErrorKind, PromptMessage, PromptRole},
};
use futures::StreamExt;
use infra_providers::{OpenAiChat, OpenAiConnection, Provider, Timeouts, scripted::ScriptedServer};
use url::Url;

/// The key of all tests; no message may hold it.
const KEY: &str = "scripted_0815_secret";

/// A clock that tests move.
struct TestClock(Mutex<Timestamp>);

impl TestClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap())))
    }

    fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Timeouts as short as tests want it.
fn timeouts() -> Timeouts {
    Timeouts {
        first_token: Duration::from_millis(1500),
        idle: Duration::from_millis(300),
        whole: Duration::from_secs(20),
        list: Duration::from_millis(500),
        retry: Duration::from_millis(10),
    }
}

fn connect_with(base_url: &Url, timeouts: Timeouts) -> Arc<OpenAiConnection> {
    let provider = Provider { key: Some(KEY.into()), timeouts, ..Provider::new("openai", base_url.clone()) };
    Arc::new(OpenAiConnection::open(&provider, TestClock::new()).unwrap())
}

fn connect(base_url: &Url) -> Arc<OpenAiConnection> {
    connect_with(base_url, timeouts())
}

fn chat(server: &ScriptedServer) -> OpenAiChat {
    OpenAiChat::new(connect(&server.base_url()))
}

fn ask(text: &str) -> ChatRequest {
    let messages = vec![PromptMessage::text(PromptRole::User, text)];
    ChatRequest { model: "scripted".to_owned(), messages, ..ChatRequest::default() }
}

/// A whole answer: what came, and the error that ended it.
#[derive(Debug, Default)]
struct Collected {
    text: String,
    deltas: Vec<ChatDelta>,
    error: Option<GatewayError>,
}

async fn answer(model: &impl ChatModel, request: ChatRequest) -> Collected {
    let mut answer = Collected::default();
    let mut stream = match model.chat(request).await {
        Ok(stream) => stream,
        Err(error) => return Collected { error: Some(error), ..answer },
    };
    while let Some(next) = stream.next().await {
        assert!(answer.error.is_none(), "the stream goes on behind its error");
        match next {
            Ok(delta) => {
                if let ChatDelta::Text(text) = &delta {
                    answer.text.push_str(text);
                }
                answer.deltas.push(delta);
            }
            Err(error) => answer.error = Some(error),
        }
    }
    answer
}

/// Checks an error's kind, and that neither it nor its causes tell the key; its sentence no address.
fn check(error: &GatewayError, kind: GatewayErrorKind) {
    assert_eq!(error.kind, kind, "{error:?}");
    for secret in [KEY, "127.0.0.1", "://"] {
        assert!(!error.message.contains(secret), "{}", error.message);
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        assert!(!current.to_string().contains(KEY), "{current}");
        cause = current.source();
    }
    assert!(!format!("{error:?}").contains(KEY));
}
