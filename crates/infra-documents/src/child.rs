//! Parsing in a process of its own: the parent's side.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use domain::gateways::{ByteStream, DocumentParser, ParseError, ParseErrorKind, ParsedDocument};
use futures::StreamExt as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
    sync::Semaphore,
};

mod entry;
mod limits;
mod sandbox;

pub use entry::run_child;
pub use limits::ChildLimits;

/// Most bytes that a child may answer with. Texts are bounded; as JSON they at most double.
const MAX_OUTPUT_BYTES: u64 = 128 * 1024 * 1024;
/// How much of a child's standard error is kept for the log.
const MAX_ERROR_BYTES: u64 = 8 * 1024;
const UNREACHABLE: &str = "the parser could not be reached: try again later, or tell the operator";

/// How documents are parsed.
#[derive(Debug, Clone)]
pub struct ChildParserSettings {
    /// The executable that calls [`run_child`]: on Linux best `/proc/self/exe`, which stays the
    /// running program when its file is replaced.
    pub executable: PathBuf,
    /// What the executable needs to be told before the arguments of [`run_child`].
    pub arguments: Vec<String>,
    /// What a child may use.
    pub limits: ChildLimits,
    /// How long a child may take, in all.
    pub timeout: Duration,
    /// How many children there are at once; further documents wait.
    pub max_children: usize,
}

impl ChildParserSettings {
    /// The default limits: 30 seconds, two children at once, those of [`ChildLimits::default`]. The
    /// executable is called with the argument `parse` first.
    pub fn new(executable: impl Into<PathBuf>) -> Self {
        Self {
            executable: executable.into(),
            arguments: vec!["parse".to_owned()],
            limits: ChildLimits::default(),
            timeout: Duration::from_secs(30),
            max_children: 2,
        }
    }
}

/// Parses each document in a child process that limits itself, sees no variable of the
/// environment, and is killed when it takes too long or nobody waits for it any more.
pub struct ChildParser {
    settings: ChildParserSettings,
    children: Arc<Semaphore>,
}

impl ChildParser {
    /// A parser that starts the executable of the settings.
    #[must_use]
    pub fn new(settings: ChildParserSettings) -> Self {
        let children = Arc::new(Semaphore::new(settings.max_children.max(1)));
        Self { settings, children }
    }

    fn start(&self, mime_type: &str) -> Result<Child, ParseError> {
        let child = Command::new(&self.settings.executable)
            .args(&self.settings.arguments)
            .args(self.settings.limits.to_arguments(mime_type))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        child.map_err(|error| {
            let executable = self.settings.executable.display();
            tracing::error!(%executable, %error, "the parser's process does not start");
            failed("the parser could not be started: try again later, or tell the operator")
        })
    }

    /// Feeds the child and reads what it says, until it ends.
    async fn converse(&self, child: &mut Child, content: ByteStream) -> Result<Conversation, ParseError> {
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed(UNREACHABLE));
        };
        let ((), output, errors) = tokio::try_join!(
            feed(input, content, self.settings.limits.input_bytes),
            read_answer(output),
            read_errors(errors),
        )?;
        let status = child.wait().await.map_err(|error| {
            tracing::error!(%error, "the parser's process cannot be waited for");
            failed(UNREACHABLE)
        })?;
        Ok(Conversation { status, output, errors })
    }

    /// What a conversation says about the document.
    fn conclude(&self, mime_type: &str, said: &Conversation) -> Result<ParsedDocument, ParseError> {
        if said.status.success() {
            match serde_json::from_slice::<Result<ParsedDocument, ParseError>>(&said.output) {
                Ok(answer) => {
                    if !said.errors.is_empty() {
                        tracing::info!(mime_type, stderr = said.errors, "the parser had remarks");
                    }
                    return answer;
                }
                Err(error) => tracing::error!(mime_type, %error, "the parser's answer is not readable"),
            }
        }
        tracing::warn!(mime_type, status = %said.status, stderr = said.errors, "the parser's process failed");
        let limits = &self.settings.limits;
        Err(match said.end() {
            End::OutOfMemory => too_large(&format!(
                "the file needs more than {} MiB of memory to be read: split it and upload the parts",
                limits.memory_bytes / (1024 * 1024)
            )),
            End::OutOfTime => too_slow(limits.cpu_seconds),
            End::Failed => failed("the file makes its parser fail: save it anew, or upload its text"),
        })
    }
}

#[async_trait]
impl DocumentParser for ChildParser {
    fn detect(&self, head: &Bytes, filename: &str) -> Result<&'static str, ParseError> {
        crate::detect(head, filename)
    }

    async fn parse(&self, mime_type: &str, content: ByteStream) -> Result<ParsedDocument, ParseError> {
        let turn = Arc::clone(&self.children).acquire_owned().await;
        let _turn = turn.map_err(|_| failed("the parser is shutting down: try again later"))?;
        let mut child = self.start(mime_type)?;
        let said = tokio::time::timeout(self.settings.timeout, self.converse(&mut child, content)).await;
        match said {
            Ok(Ok(said)) => self.conclude(mime_type, &said),
            Ok(Err(error)) => {
                end(&mut child).await;
                Err(error)
            }
            Err(_) => {
                end(&mut child).await;
                tracing::warn!(mime_type, "the parser's process took too long and was ended");
                Err(too_slow(self.settings.timeout.as_secs()))
            }
        }
    }
}

/// What a child said until it ended.
struct Conversation {
    status: ExitStatus,
    output: Vec<u8>,
    errors: String,
}

/// How a child ended without an answer.
enum End {
    OutOfMemory,
    OutOfTime,
    Failed,
}

impl Conversation {
    fn end(&self) -> End {
        // What Rust's runtime prints before it aborts, and its name for a failed reservation.
        if ["memory allocation of", "out of memory"].iter().any(|sign| self.errors.contains(sign)) {
            return End::OutOfMemory;
        }
        #[cfg(unix)]
        match std::os::unix::process::ExitStatusExt::signal(&self.status) {
            Some(libc::SIGXCPU) => return End::OutOfTime,
            // Nobody but the system's out-of-memory killer and the hard limit of time sends it.
            Some(libc::SIGKILL) => return End::OutOfMemory,
            _ => {}
        }
        End::Failed
    }
}

/// Writes the file to the child. A child that stops reading has its reason, which its exit gives.
async fn feed(mut input: ChildStdin, mut content: ByteStream, most: u64) -> Result<(), ParseError> {
    let mut written = 0_u64;
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "the file to parse cannot be read");
            failed("the stored file could not be read: try again later, or upload it again")
        })?;
        written += piece.len() as u64;
        if written > most {
            let limit = most / (1024 * 1024);
            return Err(too_large(&format!("the file is larger than {limit} MiB: split it and upload the parts")));
        }
        if input.write_all(&piece).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads what the child answers; one that says more than it may is not listened to.
async fn read_answer(from: impl AsyncRead + Unpin) -> Result<Vec<u8>, ParseError> {
    let mut answer = Vec::new();
    match from.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut answer).await {
        Ok(length) if length as u64 > MAX_OUTPUT_BYTES => Err(crate::bounds::too_much_text()),
        Ok(_) => Ok(answer),
        Err(error) => {
            tracing::error!(%error, "the answer of the parser's process cannot be read");
            Err(failed(UNREACHABLE))
        }
    }
}

/// Reads to the end, keeping the first `MAX_ERROR_BYTES`: a child that has more to say is not to
/// wait for a reader.
async fn read_errors(mut from: impl AsyncRead + Unpin) -> Result<String, ParseError> {
    let mut kept = Vec::new();
    let head = (&mut from).take(MAX_ERROR_BYTES).read_to_end(&mut kept).await;
    let rest = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    if let Err(error) = head.and(rest.map(|_| 0)) {
        tracing::warn!(%error, "the errors of the parser's process cannot be read");
    }
    Ok(String::from_utf8_lossy(&kept).trim().to_owned())
}

/// Ends a child and waits until it has ended.
async fn end(child: &mut Child) {
    if let Err(error) = child.kill().await {
        tracing::error!(%error, "the parser's process cannot be ended");
    }
}

fn failed(message: &str) -> ParseError {
    ParseError::new(ParseErrorKind::Failed, message)
}

fn too_large(message: &str) -> ParseError {
    ParseError::new(ParseErrorKind::TooLarge, message)
}

fn too_slow(seconds: u64) -> ParseError {
    too_large(&format!("the file takes longer than {seconds} seconds to be read: split it and upload the parts"))
}
