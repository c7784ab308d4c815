//! Chat over the wire: the provider's event stream as a stream of deltas.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::gateways::{ChatDelta, ChatModel, ChatRequest, ChatStream, GatewayError, GatewayErrorKind};
use futures::{StreamExt, stream};
use hyper::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{
    OpenAiConnection,
    assembler::Assembler,
    request,
    sse::{SseEvent, SseParser},
    wire::ChatChunk,
};
use crate::egress::Response;

/// What ends a stream in this dialect.
const DONE: &str = "[DONE]";
/// How long the end of the body is awaited behind [`DONE`]: some peers send their usage there.
const LATE_USAGE_WAIT: Duration = Duration::from_millis(500);

/// The models of a provider, as a chat model.
pub struct OpenAiChat {
    connection: Arc<OpenAiConnection>,
}

impl OpenAiChat {
    /// The models behind a connection.
    #[must_use]
    pub fn new(connection: Arc<OpenAiConnection>) -> Self {
        Self { connection }
    }
}

#[async_trait]
impl ChatModel for OpenAiChat {
    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, GatewayError> {
        let field = if self.connection.is_openai_itself() { "max_completion_tokens" } else { "max_tokens" };
        let body = request::body(request, field);
        let wait = self.connection.timeouts.first_token;
        let deadline = Instant::now() + wait;
        let response = self.connection.post("chat/completions", &body, wait, true).await?;
        let mut answer = OpenCompletion::new(Arc::clone(&self.connection), response);
        let first = timeout_at(deadline, answer.next()).await.map_err(|_| {
            self.connection.fail(GatewayErrorKind::Timeout, "did not begin to answer in time; try again")
        })?;
        let Some(first) = first.transpose()? else { return Ok(stream::empty().boxed()) };
        let rest = stream::unfold(answer, |mut answer| async move { Some((answer.next().await?, answer)) });
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }
}

/// Where the reading of an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Events come.
    Events,
    /// The body is one JSON document, though a stream was asked for.
    Whole,
    /// The end was said; only usage may follow, until the deadline.
    Late(Instant),
    /// Nothing more is read.
    Over,
}

/// An answer as it is read.
struct OpenCompletion {
    connection: Arc<OpenAiConnection>,
    response: Response,
    parser: SseParser,
    assembler: Assembler,
    events: Vec<SseEvent>,
    deltas: VecDeque<ChatDelta>,
    /// What ended the stream, told behind the deltas that came before it.
    failure: Option<GatewayError>,
    has_events: bool,
    phase: Phase,
}

impl OpenCompletion {
    fn new(connection: Arc<OpenAiConnection>, response: Response) -> Self {
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let content_type = content_type.to_ascii_lowercase();
        let mut failure = None;
        let phase = if content_type.contains("json") && !content_type.contains("stream") {
            Phase::Whole
        } else if content_type.contains("html") {
            failure = Some(connection.fail(GatewayErrorKind::Protocol, "sent a web page; check its base URL"));
            Phase::Over
        } else {
            Phase::Events
        };
        Self {
            connection,
            response,
            parser: SseParser::default(),
            assembler: Assembler::default(),
            events: Vec::new(),
            deltas: VecDeque::new(),
            failure,
            has_events: false,
            phase,
        }
    }

    /// The next delta; `None` behind the last one or the first error.
    async fn next(&mut self) -> Option<Result<ChatDelta, GatewayError>> {
        loop {
            if let Some(delta) = self.deltas.pop_front() {
                return Some(Ok(delta));
            }
            if let Some(failure) = self.failure.take() {
                self.phase = Phase::Over;
                return Some(Err(failure));
            }
            match self.phase {
                Phase::Events => self.read_events().await,
                Phase::Whole => self.read_whole().await,
                Phase::Late(deadline) => self.read_late(deadline).await,
                Phase::Over => return None,
            }
        }
    }

    async fn read_events(&mut self) {
        match self.response.chunk().await {
            Err(error) => self.failure = Some(self.connection.egress_error(error)),
            Ok(Some(bytes)) => {
                let fed = self.parser.feed(&bytes, &mut self.events);
                self.take_events();
                if let Err(error) = fed
                    && self.failure.is_none()
                    && self.phase == Phase::Events
                {
                    self.failure = Some(self.protocol("sent what is no event stream").because(error));
                }
            }
            Ok(None) => self.end(),
        }
    }

    /// The body ended before the end was said.
    fn end(&mut self) {
        self.phase = Phase::Over;
        let cut_off = match self.parser.finish() {
            Ok(Some(event)) if is_whole(&event) => {
                self.events.push(event);
                self.take_events();
                false
            }
            Ok(None) => false,
            Ok(Some(_)) | Err(_) => true,
        };
        let said_end = self.phase != Phase::Over || self.assembler.is_finished();
        self.phase = Phase::Over;
        if self.failure.is_some() || (said_end && !cut_off) {
            return;
        }
        self.failure = Some(if self.has_events {
            self.connection.fail(GatewayErrorKind::Interrupted, "broke off its answer; try again")
        } else {
            self.protocol("sent what is no event stream")
        });
    }

    fn take_events(&mut self) {
        for event in std::mem::take(&mut self.events) {
            if self.failure.is_some() {
                return;
            }
            self.has_events = true;
            if event.data.trim() == DONE {
                self.assembler.end_calls(&mut self.deltas);
                self.phase = Phase::Late(Instant::now() + LATE_USAGE_WAIT);
            } else if matches!(self.phase, Phase::Late(_)) {
                self.take_late(&event);
            } else {
                self.take_event(&event);
            }
        }
    }

    fn take_event(&mut self, event: &SseEvent) {
        if event.event == "error" {
            let body = serde_json::from_str(&event.data).unwrap_or_else(|_| Value::from(event.data.as_str()));
            self.failure = Some(self.connection.stream_error(&body));
            return;
        }
        match serde_json::from_str::<ChatChunk>(&event.data) {
            Ok(chunk) => self.take_chunk(chunk),
            Err(error) => self.failure = Some(self.protocol("sent an event that is no JSON").because(error)),
        }
    }

    fn take_chunk(&mut self, chunk: ChatChunk) {
        if let Some(error) = chunk.error() {
            self.failure = Some(self.connection.stream_error(&error));
        } else if let Err(error) = self.assembler.take(chunk, &mut self.deltas) {
            self.failure = Some(self.protocol("calls more tools than an answer may").because(error));
        }
    }

    /// Only usage counts behind the end; anything else there is ignored.
    fn take_late(&mut self, event: &SseEvent) {
        let usage = serde_json::from_str::<ChatChunk>(&event.data).ok().and_then(|chunk| chunk.usage);
        self.deltas.extend(usage.and_then(|usage| usage.tokens()).map(ChatDelta::Usage));
    }

    async fn read_late(&mut self, deadline: Instant) {
        match timeout_at(deadline, self.response.chunk()).await {
            Ok(Ok(Some(bytes))) if self.parser.feed(&bytes, &mut self.events).is_ok() => self.take_events(),
            // The answer was whole already: neither silence nor a break can take it back.
            _ => self.phase = Phase::Over,
        }
    }

    async fn read_whole(&mut self) {
        let mut body = Vec::new();
        loop {
            match self.response.chunk().await {
                Ok(Some(bytes)) => body.extend_from_slice(&bytes),
                Ok(None) => break,
                Err(error) => {
                    self.failure = Some(self.connection.egress_error(error));
                    return;
                }
            }
        }
        self.phase = Phase::Over;
        match serde_json::from_slice::<ChatChunk>(&body) {
            Ok(chunk) if chunk.error().is_some() || !chunk.choices.is_empty() => {
                self.take_chunk(chunk);
                self.assembler.end_calls(&mut self.deltas);
            }
            Ok(_) => self.failure = Some(self.protocol("sent JSON that is no answer")),
            Err(error) => self.failure = Some(self.protocol("sent an answer that is no JSON").because(error)),
        }
    }

    fn protocol(&self, what: &str) -> GatewayError {
        let sentence = format!("{what}; check its base URL, or use a provider that speaks the OpenAI dialect");
        self.connection.fail(GatewayErrorKind::Protocol, &sentence)
    }
}

/// Whether an event that the end of the body cut off is whole nevertheless.
fn is_whole(event: &SseEvent) -> bool {
    event.data.trim() == DONE || serde_json::from_str::<Value>(&event.data).is_ok()
}
