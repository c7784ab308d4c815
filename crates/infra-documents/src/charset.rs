//! Bytes to text: byte order mark, UTF-16 and UTF-32 by their shape, then UTF-8, then what the page
//! declares, then what the bytes are most like. What cannot be told is an error, never a guess in silence.

use domain::gateways::{ParseError, ParseErrorKind};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8};

use crate::bounds::is_dropped;

mod declared;
mod guess;
mod wide;

/// How many bytes, of the lines that are not ASCII, a charset is tried on.
const SAMPLE_BYTES: usize = 64 * 1024;
/// So many bytes in whole UTF-8 sequences to one outside of any make a text UTF-8 with a few broken bytes.
const VALID_BYTES_TO_BROKEN: usize = 3;

/// Control characters that end a line or a page.
const ENDS_OF_LINES: [char; 3] = ['\u{b}', '\u{c}', '\u{85}'];

/// A text, and the charset that its bytes were read in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    /// The name that WHATWG's encoding standard gives it; `UTF-32LE` and `UTF-32BE` besides.
    pub(crate) charset: &'static str,
}

/// The text of a plain text or Markdown file, without characters that no text needs.
///
/// # Errors
/// `Broken` where the charset cannot be told.
pub(crate) fn decode_text(bytes: Vec<u8>) -> Result<Decoded, ParseError> {
    let mut decoded = decode(bytes, |_| Vec::new())?;
    let is_dropped = |character| is_dropped(character) && !ENDS_OF_LINES.contains(&character);
    if decoded.text.contains(is_dropped) {
        decoded.text.retain(|character| !is_dropped(character));
    }
    Ok(decoded)
}

/// The source of an HTML page.
///
/// # Errors
/// `Broken` where the charset cannot be told.
pub(crate) fn decode_html(bytes: Vec<u8>) -> Result<Decoded, ParseError> {
    decode(bytes, declared::charsets)
}

/// The first bytes of a file as text, if its charset is told by a mark or by the shape of its characters;
/// for other charsets only ASCII can be relied on. `None`: it is no text.
pub(crate) fn decode_head(head: &[u8]) -> Option<String> {
    if let Some(decoded) = wide::decode(head) {
        return Some(decoded.text);
    }
    let is_text = !head.contains(&0) && !has_controls(head);
    is_text.then(|| String::from_utf8_lossy(head).into_owned())
}

/// More control characters than one byte in 200: no text of a charset that extends ASCII.
fn has_controls(bytes: &[u8]) -> bool {
    let controls = bytes.iter().filter(|byte| matches!(byte, 0..=7 | 14..=26 | 28..=31)).count();
    controls * 200 > bytes.len()
}

fn decode(bytes: Vec<u8>, declared: impl Fn(&[u8]) -> Vec<&'static Encoding>) -> Result<Decoded, ParseError> {
    if let Some(decoded) = wide::decode(&bytes) {
        return Ok(decoded);
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if text.is_ascii() && text.contains('\u{1b}') => text.into_bytes(),
        Ok(mut text) => {
            if text.starts_with('\u{feff}') {
                text.remove(0);
            }
            return Ok(Decoded { text, charset: UTF_8.name() });
        }
        Err(error) => error.into_bytes(),
    };
    if bytes.is_ascii() {
        // ASCII with escapes: of a terminal, unless they are those of ISO-2022-JP.
        let (text, has_errors) = ISO_2022_JP.decode_without_bom_handling(&bytes);
        // Charsets of their kind for Korean and Chinese begin their letters like this, and no terminal does.
        if has_errors && bytes.windows(2).any(|pair| pair == b"\x1b$") {
            return Err(untold());
        }
        let encoding = if has_errors { UTF_8 } else { ISO_2022_JP };
        let text = if has_errors { String::from_utf8_lossy(&bytes) } else { text };
        return Ok(Decoded { text: text.into_owned(), charset: encoding.name() });
    }
    if is_mostly_utf8(&bytes) {
        return Ok(replaced(&bytes, UTF_8));
    }
    let sample = sample(&bytes);
    let encoding = declared(&bytes)
        .into_iter()
        .find(|encoding| guess::is_plausible(encoding, &sample))
        .or_else(|| guess::charset(&sample))
        .ok_or_else(untold)?;
    Ok(replaced(&bytes, encoding))
}

/// The text in this charset; says on standard error, which the parent logs, when characters were lost.
fn replaced(bytes: &[u8], encoding: &'static Encoding) -> Decoded {
    let (text, has_errors) = encoding.decode_without_bom_handling(bytes);
    if has_errors {
        eprintln!("some bytes are not {}; they were replaced by U+FFFD", encoding.name());
    }
    Decoded { text: text.into_owned(), charset: encoding.name() }
}

fn untold() -> ParseError {
    let message = "the charset of the file cannot be told: save it as UTF-8 and upload it again";
    ParseError::new(ParseErrorKind::Broken, message)
}

/// The lines that are not ASCII, up to [`SAMPLE_BYTES`]. No charset that extends ASCII has a line feed
/// inside of a character.
fn sample(bytes: &[u8]) -> Vec<u8> {
    let mut sample = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.is_ascii()) {
        let start = if sample.is_empty() { first_word_beyond_ascii(line) } else { 0 };
        let line = &line[start..];
        sample.extend_from_slice(&line[..line.len().min(SAMPLE_BYTES - sample.len())]);
        if sample.len() >= SAMPLE_BYTES {
            break;
        }
    }
    sample
}

/// Where the word begins that holds the first byte beyond ASCII; a page may be one long line.
fn first_word_beyond_ascii(line: &[u8]) -> usize {
    let first = line.iter().position(|byte| !byte.is_ascii()).unwrap_or(0);
    line[..first].iter().rposition(u8::is_ascii_whitespace).unwrap_or(0)
}

/// Whether far more bytes stand in whole UTF-8 sequences beyond ASCII than outside of any.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().bytes().filter(|byte| !byte.is_ascii()).count();
        broken += chunk.invalid().len();
    }
    valid > VALID_BYTES_TO_BROKEN * broken
}

#[cfg(test)]
mod tests;
