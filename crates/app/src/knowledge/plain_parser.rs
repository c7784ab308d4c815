//! The parser of embedders who bring none: plain text and Markdown, which need no parsing.

use async_trait::async_trait;
use bytes::Bytes;
use domain::{
    gateways::{ByteStream, DocumentParser, ParseError, ParseErrorKind, ParsedDocument},
    knowledge::markdown::{parse_markdown, parse_plain_text},
};
use futures::TryStreamExt;

/// Most bytes of a text that is read into memory.
const MAX_TEXT_BYTES: usize = 16 * 1024 * 1024;
const MARKDOWN: &str = "text/markdown";
const PLAIN: &str = "text/plain";

/// Reads UTF-8 text and Markdown; other formats need a parser of the operator's.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainParser;

#[async_trait]
impl DocumentParser for PlainParser {
    fn detect(&self, head: &Bytes, filename: &str) -> Result<&'static str, ParseError> {
        let is_text = match std::str::from_utf8(head) {
            Ok(text) => !text.contains('\0'),
            // The head may end inside a character.
            Err(error) => error.error_len().is_none() && !head.contains(&0),
        };
        if !is_text {
            let message =
                "only UTF-8 text and Markdown can be read here; configure a document parser for other formats";
            return Err(ParseError::new(ParseErrorKind::Unsupported, message));
        }
        let name = filename.to_ascii_lowercase();
        Ok(if name.ends_with(".md") || name.ends_with(".markdown") { MARKDOWN } else { PLAIN })
    }

    async fn parse(&self, mime_type: &str, content: ByteStream) -> Result<ParsedDocument, ParseError> {
        let failed = |error: &dyn std::fmt::Display| ParseError::new(ParseErrorKind::Failed, error.to_string());
        let bytes = content
            .map_err(|error| failed(&error))
            .try_fold(Vec::new(), |mut bytes, piece| async move {
                if bytes.len() + piece.len() > MAX_TEXT_BYTES {
                    let message = format!("the text has more than {MAX_TEXT_BYTES} bytes; split it");
                    return Err(ParseError::new(ParseErrorKind::TooLarge, message));
                }
                bytes.extend_from_slice(&piece);
                Ok(bytes)
            })
            .await?;
        let text = String::from_utf8(bytes)
            .map_err(|_| ParseError::new(ParseErrorKind::Broken, "the text is not UTF-8; convert it first"))?;
        if text.trim().is_empty() {
            return Err(ParseError::new(ParseErrorKind::NoText, "the file holds no text"));
        }
        Ok(if mime_type == MARKDOWN { parse_markdown(&text) } else { parse_plain_text(&text) })
    }
}
