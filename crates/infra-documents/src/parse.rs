//! One door to all parsers.

use domain::{
    gateways::{ParseError, ParseErrorKind, ParsedDocument},
    knowledge::markdown::{parse_markdown, parse_plain_text},
};

use crate::{
    charset,
    detect::{HTML, MARKDOWN, PDF, TEXT},
    html, pdf,
};

/// Most bytes of a document's text: about ten thousand printed pages.
pub const MAX_TEXT_BYTES: usize = 32 * 1024 * 1024;
/// Most blocks of a document.
pub const MAX_BLOCKS: usize = 500_000;

/// Parses a file of a type that [`detect`](crate::detect) gave, here and now.
///
/// A file made for it can use up this process's memory and time or end it: for files of strangers
/// use [`ChildParser`](crate::ChildParser).
///
/// # Errors
/// [`ParseError`], with a sentence for the user.
pub fn parse_bytes(mime_type: &str, bytes: Vec<u8>) -> Result<ParsedDocument, ParseError> {
    let document = match mime_type {
        PDF => pdf::parse(bytes)?,
        HTML => html::parse(&charset::decode_html(bytes)).finish()?,
        TEXT => parse_plain_text(short_enough(charset::decode_text(bytes))?),
        MARKDOWN => parse_markdown(short_enough(charset::decode_text(bytes))?),
        other => {
            let message = format!("files of the type {other} are not accepted: upload text, Markdown, HTML or PDF");
            return Err(ParseError::new(ParseErrorKind::Unsupported, message));
        }
    };
    if document.blocks.len() > MAX_BLOCKS {
        return Err(too_much_text());
    }
    if document.blocks.is_empty() {
        return Err(ParseError::new(ParseErrorKind::NoText, "the file holds no text"));
    }
    Ok(document)
}

fn short_enough(text: String) -> Result<String, ParseError> {
    if text.len() > MAX_TEXT_BYTES { Err(too_much_text()) } else { Ok(text) }
}

/// A document over [`MAX_TEXT_BYTES`] or [`MAX_BLOCKS`].
pub(crate) fn too_much_text() -> ParseError {
    let message = format!(
        "the file holds more than {} MiB of text or {MAX_BLOCKS} paragraphs: split it and upload the parts",
        MAX_TEXT_BYTES / (1024 * 1024)
    );
    ParseError::new(ParseErrorKind::TooLarge, message)
}
