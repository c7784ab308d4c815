//! Bytes to text: byte order mark, then UTF-8, then what the page declares, then Windows-1252, which
//! holds Latin-1.

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::bounds::is_dropped;

/// How many bytes of a page are searched for its declared charset, as browsers do.
const DECLARATION_WINDOW: usize = 1024;

/// The text of a plain text or Markdown file, without characters that no text needs.
pub(crate) fn decode_text(bytes: Vec<u8>) -> String {
    let mut text = decode(bytes, |_| None);
    if text.contains(is_dropped) {
        text.retain(|character| !is_dropped(character));
    }
    text
}

/// The source of an HTML page.
pub(crate) fn decode_html(bytes: Vec<u8>) -> String {
    decode(bytes, declared)
}

fn decode(bytes: Vec<u8>, declared: impl Fn(&[u8]) -> Option<&'static Encoding>) -> String {
    if let Some((encoding, length)) = Encoding::for_bom(&bytes) {
        let (text, has_errors) = encoding.decode_without_bom_handling(&bytes[length..]);
        return told(text.into_owned(), encoding.name(), has_errors);
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    if is_mostly_utf8(&bytes) {
        return told(String::from_utf8_lossy(&bytes).into_owned(), "UTF-8", true);
    }
    let encoding = declared(&bytes).filter(|encoding| *encoding != encoding_rs::UTF_8).unwrap_or(WINDOWS_1252);
    let (text, has_errors) = encoding.decode_without_bom_handling(&bytes);
    told(text.into_owned(), encoding.name(), has_errors)
}

/// Says on standard error, which the parent logs, when characters were lost.
fn told(text: String, charset: &str, has_errors: bool) -> String {
    if has_errors {
        eprintln!("some bytes are not {charset}; they were replaced by U+FFFD");
    }
    text
}

/// Whether more bytes stand in whole UTF-8 sequences beyond ASCII than outside of any.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().bytes().filter(|byte| !byte.is_ascii()).count();
        invalid += chunk.invalid().len();
    }
    valid > invalid
}

/// The charset that a page declares in `<meta charset=…>`, its older form or its XML declaration.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes[..bytes.len().min(DECLARATION_WINDOW)].to_ascii_lowercase();
    ["charset", "encoding"].iter().find_map(|name| {
        let at = head.windows(name.len()).position(|window| window == name.as_bytes())?;
        let value = head[at + name.len()..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
        let end = value.iter().position(|byte| matches!(byte, b'"' | b'\'' | b';' | b'>' | b'/' | b' ' | b'?'))?;
        Encoding::for_label(&value[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(to_bytes).collect()
    }

    #[test]
    fn byte_order_marks_are_believed_and_dropped() {
        assert_eq!(decode_text("\u{feff}größer".into()), "größer");
        assert_eq!(decode_text(utf16("größer 😀", u16::to_le_bytes)), "größer 😀");
        assert_eq!(decode_text(utf16("größer 😀", u16::to_be_bytes)), "größer 😀");
    }

    #[test]
    fn what_is_not_utf8_is_windows_1252_but_for_a_few_broken_bytes() {
        assert_eq!(decode_text(b"gr\xf6\xdfer \x80".to_vec()), "größer €");
        let broken = [&b"\xf6 "[..], "größer".as_bytes()].concat();
        assert_eq!(decode_text(broken), "\u{fffd} größer");
    }

    #[test]
    fn nul_and_its_like_are_dropped() {
        assert_eq!(decode_text(b"a\0b\x07c\td\r\n".to_vec()), "abc\td\r\n");
    }

    #[test]
    fn pages_declare_their_charset() {
        let page = |declaration: &str| [declaration.as_bytes(), b"<p>\xe4\xee\xec"].concat();
        for declaration in [
            "<meta charset=windows-1251>",
            "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
            "<?xml version=\"1.0\" encoding=\"windows-1251\"?>",
        ] {
            assert!(decode_html(page(declaration)).ends_with("дом"), "{declaration}");
        }
        assert!(decode_html(page("<meta charset=nonsense>")).ends_with("äîì"));
        assert!(decode_html("<meta charset=windows-1251>дом".into()).ends_with("дом"));
    }
}
