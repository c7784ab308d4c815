//! One door to all parsers.

use domain::{
    gateways::{ParseError, ParseErrorKind, ParsedDocument},
    knowledge::markdown::{parse_markdown, parse_plain_text},
};

use crate::{
    bounds::{MAX_BLOCKS, MAX_TEXT_BYTES, too_much_text},
    charset::{self, Decoded},
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
        HTML => {
            let Decoded { text, charset } = charset::decode_html(bytes)?;
            in_charset(html::parse(&text).finish()?, charset)
        }
        TEXT | MARKDOWN => {
            let Decoded { text, charset } = charset::decode_text(bytes)?;
            if text.len() > MAX_TEXT_BYTES {
                return Err(too_much_text());
            }
            in_charset(if mime_type == TEXT { parse_plain_text(text) } else { parse_markdown(text) }, charset)
        }
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

fn in_charset(document: ParsedDocument, charset: &str) -> ParsedDocument {
    ParsedDocument { charset: Some(charset.to_owned()), ..document }
}
