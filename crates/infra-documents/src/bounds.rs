//! What every parser keeps to: how much text a document has, and which characters none has.

use domain::gateways::{ParseError, ParseErrorKind};

/// Most bytes of a document's text: about ten thousand printed pages.
pub const MAX_TEXT_BYTES: usize = 32 * 1024 * 1024;
/// Most blocks of a document.
pub const MAX_BLOCKS: usize = 500_000;

/// A document over [`MAX_TEXT_BYTES`] or [`MAX_BLOCKS`].
pub(crate) fn too_much_text() -> ParseError {
    let message = format!(
        "the file holds more than {} MiB of text or {MAX_BLOCKS} paragraphs: split it and upload the parts",
        MAX_TEXT_BYTES / (1024 * 1024)
    );
    ParseError::new(ParseErrorKind::TooLarge, message)
}

/// Control characters that no text needs, and characters that only hide in it: the soft hyphen,
/// the zero-width space and the byte order mark.
pub(crate) fn is_dropped(character: char) -> bool {
    (character.is_control() && !matches!(character, '\t' | '\n' | '\r'))
        || matches!(character, '\u{ad}' | '\u{200b}' | '\u{feff}')
}
