//! Parsers of documents: a file in, its text and structure out.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{error::ValueError, gateways::ByteStream, knowledge::Block, names::names};

/// Version of the stored form of a document that this program writes.
const STORED_VERSION: u32 = 1;

/// A document as text with its structure. Kept in the object store as its fields with a `version`
/// beside them, so that old files stay readable and newer ones are told from them.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ParsedDocument {
    /// The whole text. Ranges of blocks, chunks and citations count its Unicode scalar values.
    pub text: String,
    /// Its blocks in order, not overlapping.
    pub blocks: Vec<Block>,
    /// The document's own title, where it has one.
    pub title: Option<String>,
    /// Number of pages, where the format has pages.
    pub page_count: Option<u32>,
    /// The charset that its bytes were read in, where the format is text; told or guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
}

#[derive(serde::Serialize)]
struct Stored<'a> {
    version: u32,
    #[serde(flatten)]
    document: &'a ParsedDocument,
}

#[derive(serde::Deserialize)]
struct StoredVersion {
    /// Files of the first program name none.
    #[serde(default = "first_version")]
    version: u32,
}

const fn first_version() -> u32 {
    1
}

impl ParsedDocument {
    /// Returns the stored form.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn to_stored(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Stored { version: STORED_VERSION, document: self })
    }

    /// Reads the stored form. The version is read by itself first: what a newer one means by a field of
    /// the same name is not for this program to guess.
    ///
    /// # Errors
    /// `unreadable` for a version that this program does not know, and for bytes that are no stored
    /// document; then the file that the document came from is to be parsed again.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, ValueError> {
        let unreadable = |message: String| ValueError::new("document", "unreadable", message);
        let broken = |error: serde_json::Error| unreadable(format!("is no stored document: {error}"));
        let StoredVersion { version } = serde_json::from_slice(bytes).map_err(broken)?;
        if version != STORED_VERSION {
            let message = format!("has the version {version}, which this program does not know; parse the file again");
            return Err(unreadable(message));
        }
        serde_json::from_slice(bytes).map_err(broken)
    }
}

names! {
    /// Why a document cannot be parsed.
    pub enum ParseErrorKind ("kind") {
        /// Bytes of no format that is known, or not what they say.
        Unsupported = "unsupported",
        /// Needs a password.
        Encrypted = "encrypted",
        /// Damaged.
        Broken = "broken",
        /// Over a limit of size, memory or time.
        TooLarge = "too_large",
        /// Holds no text (a scan, an empty file).
        NoText = "no_text",
        /// The parser itself failed.
        Failed = "failed",
    }
}

/// A failure to parse, with a sentence for the user that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{message}")]
pub struct ParseError {
    /// What kind of failure.
    pub kind: ParseErrorKind,
    /// The sentence.
    pub message: String,
}

impl ParseError {
    /// An error of `kind` with a sentence for the user.
    pub fn new(kind: ParseErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// Reads documents.
#[async_trait]
pub trait DocumentParser: Send + Sync + 'static {
    /// Detects the MIME type of a file from its first bytes (at least 8 KiB where it has them), and
    /// only among plain-text kinds from its name. Pure and cheap; never inflates anything.
    ///
    /// # Errors
    /// [`ParseErrorKind::Unsupported`] for types that are unknown or denied.
    fn detect(&self, head: &Bytes, filename: &str) -> Result<&'static str, ParseError>;

    /// Parses a file of a type that `detect` gave, within limits of memory and time.
    ///
    /// # Errors
    /// [`ParseError`].
    async fn parse(&self, mime_type: &str, content: ByteStream) -> Result<ParsedDocument, ParseError>;
}
