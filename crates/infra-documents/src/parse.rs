//! One door to all parsers.

use domain::{
    gateways::{ParseError, ParseErrorKind, ParsedDocument},
    knowledge::markdown::{parse_markdown, parse_plain_text},
};

use crate::{
    bounds::{MAX_BLOCKS, MAX_TEXT_BYTES, too_much_text},
    charset,
    detect::{HTML, MARKDOWN, PDF, TEXT},
    html, pdf,
};

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
