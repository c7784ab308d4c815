//! What the server is told to do.

use std::time::Duration;

use serde_json::{Value, json};

/// How one chat request is answered. The default answers at once and rightly.
#[derive(Debug, Clone)]
pub struct Script {
    /// The answer.
    pub reply: String,
    /// What the model thinks before it.
    pub reasoning: String,
    /// Words of one chunk.
    pub words_per_chunk: usize,
    /// Wait before the first chunk, behind the headers.
    pub first_delay: Duration,
    /// Wait between chunks.
    pub chunk_delay: Duration,
    /// Name and arguments of tools that are called behind the text.
    pub tool_calls: Vec<(String, String)>,
    /// Why the model stops.
    pub finish_reason: String,
    /// How the count of tokens is told.
    pub usage: UsageMode,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// Chunks that are sent before a fault in the middle of the answer.
    pub fault_after: usize,
    /// What is sent in place of all that.
    pub verbatim: Option<Verbatim>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            reply: "The scripted model answers.".to_owned(),
            reasoning: String::new(),
            words_per_chunk: 1,
            first_delay: Duration::ZERO,
            chunk_delay: Duration::ZERO,
            tool_calls: Vec::new(),
            finish_reason: "stop".to_owned(),
            usage: UsageMode::Right,
            fault: None,
            fault_after: 0,
            verbatim: None,
        }
    }
}

impl Script {
    /// A script with this answer.
    pub fn reply(text: impl Into<String>) -> Self {
        Self { reply: text.into(), ..Self::default() }
    }

    /// A script that goes wrong.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    /// A script that refuses with a status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::fault(Fault::Status { code, retry_after: None, body: error_body("scripted") })
    }

    /// A script that sends just this.
    #[must_use]
    pub fn verbatim(verbatim: Verbatim) -> Self {
        Self { verbatim: Some(verbatim), ..Self::default() }
    }

    /// The same with the fault behind this many chunks.
    #[must_use]
    pub fn after(mut self, chunks: usize) -> Self {
        self.fault_after = chunks;
        self
    }
}

/// A response byte for byte, as a provider sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verbatim {
    /// The status.
    pub status: u16,
    /// Lines of the head, each with its end, but for the one that says how the body is sent.
    pub headers: String,
    /// The body, in the pieces in which it is sent.
    pub pieces: Vec<Vec<u8>>,
    /// Wait before each piece.
    pub pause: Duration,
}

impl Verbatim {
    /// A response with this status, type and body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = format!("content-type: {content_type}\r\n");
        Self { status, headers, pieces: vec![body.into()], pause: Duration::ZERO }
    }

    /// An event stream.
    pub fn events(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "text/event-stream", body)
    }

    /// JSON.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "application/json", body)
    }
}

/// How the count of tokens is told; the bill is right in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageMode {
    /// In a chunk of its own before the end.
    Right,
    /// In the chunk that says why the model stops.
    WithFinish,
    /// As zeros.
    Zero,
    /// Not at all.
    None,
    /// Two times.
    Twice,
    /// Behind `[DONE]`.
    AfterDone,
    /// As this number, of tokens read and of tokens written.
    Lie(u64),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Another status in place of an answer.
    Status {
        /// The status.
        code: u16,
        /// The header `Retry-After`.
        retry_after: Option<String>,
        /// The body.
        body: Value,
    },
    /// A web page with status 200 in place of an answer.
    HtmlPage,
    /// Silence in place of an answer, headers included.
    Silence,
    /// A reset in place of an answer, headers included.
    Refusal,
    /// The end of the connection in place of an answer, headers included.
    Goodbye,
    /// The beginning of a head, then the end of the connection.
    HalfHead,
    /// In the middle: a reset of the connection.
    Reset,
    /// In the middle: silence, with the connection open.
    Hang,
    /// In the middle: the stream ends as if it were whole, without the end being said.
    EarlyEnd,
    /// In the middle: an error object.
    ErrorObject(Value),
    /// In the middle: an event that is no JSON.
    BadJson,
    /// In the middle: half a character.
    HalfCharacter,
    /// In the middle: a web page.
    HtmlInside,
    /// In the middle: a line of this many bytes.
    LongLine(usize),
}

/// How one request for embeddings is answered.
#[derive(Debug, Clone)]
pub struct EmbeddingScript {
    /// Length of the vectors.
    pub dimension: usize,
    /// Wait before the answer.
    pub delay: Duration,
    /// Whether the count of tokens is told.
    pub tells_usage: bool,
    /// Answers numbers even where base64 is asked for.
    pub only_floats: bool,
    /// What goes wrong.
    pub fault: Option<EmbeddingFault>,
    /// What is sent in place of all that.
    pub verbatim: Option<Verbatim>,
}

impl Default for EmbeddingScript {
    fn default() -> Self {
        let delay = Duration::ZERO;
        Self { dimension: 256, delay, tells_usage: true, only_floats: false, fault: None, verbatim: None }
    }
}

/// What goes wrong with embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingFault {
    /// Another status in place of an answer.
    Status(u16),
    /// A reset in place of an answer.
    Reset,
    /// One vector too few.
    TooFew,
    /// The last vector is longer than the others.
    OtherLength,
    /// The last vector is all zeros.
    Zeros,
    /// Base64 that does not hold whole numbers.
    BrokenBase64,
    /// JSON that is something else.
    OtherJson,
}

/// An error in the provider's form.
pub(super) fn error_body(message: &str) -> Value {
    json!({ "error": { "message": message, "type": "scripted_error", "code": null, "param": null } })
}
