//! What a page says about its own charset.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use html5gum::{DefaultEmitter, Token, Tokenizer};

/// How many bytes of a page are searched for its declarations.
const WINDOW: usize = 128 * 1024;
/// More declarations of one page are not read.
const MAX_DECLARATIONS: usize = 8;

/// The charsets that a page declares, in order: in its XML declaration, in `<meta charset=…>` or its older
/// form. Comments and scripts declare nothing. UTF-8 is left out, as whoever asks has tried it, and so
/// is UTF-16: a declaration that can be read in single bytes is not in it.
pub(super) fn charsets(bytes: &[u8]) -> Vec<&'static Encoding> {
    let window = &bytes[..bytes.len().min(WINDOW)];
    let mut found: Vec<&'static Encoding> = Vec::new();
    let mut add = |label: &[u8]| {
        let encoding = Encoding::for_label(label).filter(|encoding| ![UTF_8, UTF_16LE, UTF_16BE].contains(encoding));
        found.extend(encoding);
        found.len() < MAX_DECLARATIONS
    };
    if let Some(rest) = window.trim_ascii_start().strip_prefix(b"<?xml") {
        let end = rest.iter().position(|byte| *byte == b'>').unwrap_or(0);
        label_after(&rest[..end], b"encoding").map(&mut add);
    }
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(window, emitter) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        if tag.name.as_slice() != b"meta" {
            continue;
        }
        let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| value.value.as_slice());
        let is_content_type = attribute(b"http-equiv").is_some_and(|name| name.eq_ignore_ascii_case(b"content-type"));
        let older =
            attribute(b"content").filter(|_| is_content_type).and_then(|content| label_after(content, b"charset"));
        if let Some(label) = attribute(b"charset").or(older)
            && !add(label)
        {
            break;
        }
    }
    found
}

/// The value in `name = "value"`, quoted or not.
fn label_after<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name))?;
    let value = text[at + name.len()..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let end =
        value.iter().position(|byte| matches!(byte, b'"' | b'\'' | b';' | b',' | b'?') || byte.is_ascii_whitespace());
    Some(&value[..end.unwrap_or(value.len())])
}
