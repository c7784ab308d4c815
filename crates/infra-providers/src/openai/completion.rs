//! An answer as it is read: an event stream, or one JSON document where a provider does not stream.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use domain::gateways::{ChatDelta, GatewayError, GatewayErrorKind};
use serde_json::Value;
use tokio::{
    task::coop::consume_budget,
    time::{Instant, timeout_at},
};

use super::{
    OpenAiConnection,
    assembler::Assembler,
    json,
    sse::{SseEvent, SseParser},
    wire::{ChatChunk, error_in},
};
use crate::egress::Response;

/// What ends a stream in this dialect.
const DONE: &str = "[DONE]";
/// How long the end of the body is awaited behind [`DONE`]: some peers send their usage there.
const LATE_USAGE_WAIT: Duration = Duration::from_millis(500);
/// Longest silence behind the reason why the model stopped, before usage and [`DONE`].
const FINISHED_IDLE: Duration = Duration::from_secs(5);
/// Longest event, in bytes, that is passed over though it is no JSON: a sign of life such as `ping`.
const MAX_SIGN_OF_LIFE: usize = 64;
/// Most bytes of an answer that comes as one JSON document, which is read into many times as much: those of an event.
const MAX_WHOLE_BYTES: usize = 8 * 1024 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where the reading of an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come yet but blanks.
    Start,
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
pub(super) struct OpenCompletion {
    connection: Arc<OpenAiConnection>,
    response: Response,
    parser: SseParser,
    assembler: Assembler,
    events: Vec<SseEvent>,
    /// What has come of a body before it is known what it is, or that is read as a whole.
    body: Vec<u8>,
    deltas: VecDeque<ChatDelta>,
    /// What ended the stream, told behind the deltas that came before it.
    failure: Option<GatewayError>,
    has_events: bool,
    has_begun: bool,
    phase: Phase,
}

impl OpenCompletion {
    pub(super) fn new(connection: Arc<OpenAiConnection>, response: Response) -> Self {
        Self {
            connection,
            response,
            parser: SseParser::new(is_whole),
            assembler: Assembler::default(),
            events: Vec::new(),
            body: Vec::new(),
            deltas: VecDeque::new(),
            failure: None,
            has_events: false,
            has_begun: false,
            phase: Phase::Start,
        }
    }

    /// The next delta; `None` behind the last one or the first error.
    pub(super) async fn next(&mut self) -> Option<Result<ChatDelta, GatewayError>> {
        loop {
            // Pieces that are there already wait for nothing: others get their turn between them.
            consume_budget().await;
            if let Some(delta) = self.deltas.pop_front() {
                self.has_begun = true;
                return Some(Ok(delta));
            }
            if let Some(failure) = self.failure.take() {
                self.phase = Phase::Over;
                return Some(Err(failure));
            }
            match self.phase {
                Phase::Start | Phase::Events | Phase::Whole => self.read().await,
                Phase::Late(deadline) => self.read_late(deadline).await,
                Phase::Over => return None,
            }
        }
    }

    async fn read(&mut self) {
        let timeouts = &self.connection.timeouts;
        self.response.set_idle(match (self.assembler.is_finished(), self.has_begun) {
            (true, _) => timeouts.idle.min(FINISHED_IDLE),
            (false, true) => timeouts.idle,
            (false, false) => timeouts.first_token,
        });
        match self.response.chunk().await {
            Ok(Some(bytes)) => self.take_bytes(&bytes),
            Ok(None) if self.phase == Phase::Whole => self.take_whole(),
            Ok(None) => self.end(),
            // The answer was whole already: neither silence nor a break can take it back.
            Err(_) if self.assembler.is_finished() => self.end(),
            Err(error) => self.failure = Some(self.connection.egress_error(error)),
        }
    }

    fn take_bytes(&mut self, bytes: &[u8]) {
        match self.phase {
            Phase::Start => self.begin(bytes),
            Phase::Whole if self.body.len() + bytes.len() > MAX_WHOLE_BYTES => {
                let sentence = "sent more in one piece than an answer may hold";
                self.failure = Some(self.connection.fail(GatewayErrorKind::Protocol, sentence));
            }
            Phase::Whole => self.body.extend_from_slice(bytes),
            _ => self.feed(bytes),
        }
    }

    /// Looks at the first bytes to see what comes: what a body is called, many servers and those between do not know.
    fn begin(&mut self, bytes: &[u8]) {
        // Blank lines before an answer are signs of life.
        let bytes = if self.body.is_empty() { bytes.trim_ascii_start() } else { bytes };
        self.body.extend_from_slice(bytes);
        let start = self.body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.body);
        match start.first() {
            None => {}
            Some(_) if start.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(start) => {}
            Some(b'{' | b'[') => self.phase = Phase::Whole,
            Some(b'<') => {
                let sentence = "sent a web page; check its base URL";
                self.failure = Some(self.connection.fail(GatewayErrorKind::Protocol, sentence));
            }
            Some(_) => {
                self.phase = Phase::Events;
                let body = std::mem::take(&mut self.body);
                self.feed(&body);
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let fed = self.parser.feed(bytes, &mut self.events);
        self.take_events();
        if let Err(error) = fed
            && self.failure.is_none()
            && self.phase == Phase::Events
        {
            let sentence = "sent more in one piece than an answer may hold";
            self.fail(self.connection.fail(GatewayErrorKind::Protocol, sentence).because(error));
        }
    }

    /// What ends the stream. Behind the reason why the model stopped the answer is whole, and nothing takes it back.
    fn fail(&mut self, failure: GatewayError) {
        if self.assembler.is_finished() {
            tracing::debug!(error = ?failure, "what came behind the answer is passed over");
            self.phase = Phase::Over;
            self.take_end();
        } else {
            self.failure = Some(failure);
        }
    }

    /// The body ended before the end was said.
    fn end(&mut self) {
        match self.parser.finish() {
            Ok(Some(event)) if is_whole(&event.data) => {
                self.events.push(event);
                self.take_events();
            }
            Ok(_) | Err(_) => {}
        }
        let is_whole = matches!(self.phase, Phase::Late(_)) || self.assembler.is_finished();
        self.phase = Phase::Over;
        if self.failure.is_some() {
            return;
        }
        if is_whole {
            self.take_end();
        } else if self.has_events {
            self.failure = Some(self.connection.fail(GatewayErrorKind::Interrupted, "broke off its answer; try again"));
        } else {
            self.failure = Some(self.protocol("sent what is no event stream"));
        }
    }

    fn take_events(&mut self) {
        for event in std::mem::take(&mut self.events) {
            self.has_events = true;
            if event.event == "error" && self.phase == Phase::Events && self.failure.is_none() {
                let body = json::read(event.data.as_bytes()).unwrap_or_else(|_| Value::from(event.data.as_str()));
                self.fail(self.connection.stream_error(&body));
            }
            self.take_data(&event.data);
        }
    }

    fn take_data(&mut self, data: &str) {
        // Some servers put their frame around that of another.
        let data = data.trim_start_matches("data:");
        if self.failure.is_some() || self.phase == Phase::Over {
            return;
        }
        if matches!(self.phase, Phase::Late(_)) {
            // Only usage counts behind the end; anything else there is ignored.
            let chunk = json::read::<Value>(data.as_bytes()).map(ChatChunk::from);
            self.assembler.take_usage(chunk.ok().and_then(|chunk| chunk.tokens()), &mut self.deltas);
            return;
        }
        if is_done(data) {
            self.take_end();
            self.phase = Phase::Late(Instant::now() + LATE_USAGE_WAIT);
            return;
        }
        match json::read::<Value>(data.as_bytes()) {
            Ok(value) if value.is_object() || error_in(&value).is_some() => self.take_value(value),
            Ok(_) if data.len() <= MAX_SIGN_OF_LIFE => {}
            Err(_) if is_sign_of_life(data) => {}
            Ok(_) => self.fail(self.protocol("sent an event that is no answer")),
            Err(error) => self.fail(self.protocol("sent an event that is no JSON").because(error)),
        }
    }

    fn take_value(&mut self, value: Value) {
        if let Some(error) = error_in(&value).map(|error| self.connection.stream_error(error)) {
            let was_finished = self.assembler.is_finished();
            match self.assembler.take(value.into(), &mut self.deltas) {
                Ok(()) if was_finished => self.fail(error),
                Ok(()) | Err(_) => self.failure = Some(error),
            }
        } else if let Err(error) = self.assembler.take(value.into(), &mut self.deltas) {
            self.failure = Some(self.protocol("calls more tools than an answer may").because(error));
        }
    }

    /// The end was said, or needs no word. An answer without a word, a call or a reason to stop is none.
    fn take_end(&mut self) {
        self.assembler.end(&mut self.deltas);
        if !self.assembler.has_answered() {
            self.failure = Some(self.protocol("sent an answer that says nothing"));
        }
    }

    async fn read_late(&mut self, deadline: Instant) {
        match timeout_at(deadline, self.response.chunk()).await {
            Ok(Ok(Some(bytes))) if self.parser.feed(&bytes, &mut self.events).is_ok() => self.take_events(),
            _ => self.phase = Phase::Over,
        }
    }

    fn take_whole(&mut self) {
        self.phase = Phase::Over;
        match json::read::<Value>(&self.body) {
            Ok(value) if error_in(&value).is_some() || value.pointer("/choices/0").is_some() => {
                self.take_value(value);
                if self.failure.is_none() {
                    self.take_end();
                }
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

/// Whether the data of an event is whole, be there a blank line behind it or not.
fn is_whole(data: &str) -> bool {
    is_done(data) || json::read::<Value>(data.as_bytes()).is_ok()
}

fn is_done(data: &str) -> bool {
    data.trim().eq_ignore_ascii_case(DONE)
}

/// Whether an event that is no JSON only says that the peer is there: one short word, and no piece of JSON or of a page.
fn is_sign_of_life(data: &str) -> bool {
    data.len() <= MAX_SIGN_OF_LIFE && !data.trim_start().starts_with(['{', '[', '"', '<'])
}
