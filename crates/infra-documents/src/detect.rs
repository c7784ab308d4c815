//! Detects what a file is from its first bytes.

use domain::gateways::{ParseError, ParseErrorKind};

use crate::charset;

/// Plain text.
pub const TEXT: &str = "text/plain";
/// Markdown.
pub const MARKDOWN: &str = "text/markdown";
/// HTML.
pub const HTML: &str = "text/html";
/// PDF.
pub const PDF: &str = "application/pdf";

const ACCEPTED: &str = "upload text, Markdown, HTML or PDF";

/// Endings of names that promise something else than text. A text under such a name is refused:
/// either the file or its name is not what its sender believes.
const NOT_TEXT: &[&str] = &[
    "7z", "avi", "bmp", "bz2", "com", "dll", "doc", "docx", "epub", "exe", "flac", "gif", "gz", "ico", "jar", "jpeg",
    "jpg", "mov", "mp3", "mp4", "mpeg", "msi", "odp", "ods", "odt", "ogg", "pdf", "png", "ppt", "pptx", "ps", "rar",
    "rtf", "so", "svg", "svgz", "tar", "tgz", "tif", "tiff", "wav", "webm", "webp", "xls", "xlsx", "xz", "zip", "zst",
];

/// How a page begins, if no name says otherwise: the tags of the WHATWG's MIME sniffing.
const HTML_STARTS: &[&str] = &[
    "<!--", "<a", "<article", "<b", "<body", "<br", "<div", "<font", "<h1", "<h2", "<head", "<iframe", "<main",
    "<meta", "<p", "<script", "<section", "<style", "<table", "<title",
];

/// Detects the MIME type of a file from its first bytes, and only among text, Markdown and HTML from
/// its name.
///
/// # Errors
/// `Unsupported` for what is none of [`TEXT`], [`MARKDOWN`], [`HTML`] and [`PDF`], or is named as
/// something that it is not; `NoText` for an empty file.
pub fn detect(head: &[u8], filename: &str) -> Result<&'static str, ParseError> {
    if head.is_empty() {
        return Err(ParseError::new(ParseErrorKind::NoText, "the file is empty"));
    }
    if head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().starts_with(b"%PDF-") {
        return Ok(PDF);
    }
    let Some(text) = charset::decode_head(head) else {
        let kind = infer::get(head).map_or("a binary file", |kind| kind.mime_type());
        return Err(refused(&format!("the file is {kind}, which is not accepted")));
    };
    let start = text_start(&text);
    for (mark, kind) in [("{\\rtf", "rich text (RTF)"), ("%!ps", "PostScript"), ("<svg", "an SVG image")] {
        if start.starts_with(mark) {
            return Err(refused(&format!("the file is {kind}, which is not accepted")));
        }
    }
    let ending = filename.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    if NOT_TEXT.contains(&ending.as_str()) {
        return Err(refused(&format!("the file is named .{ending} but holds text: give it the name of what it is")));
    }
    let is_page = start.starts_with("<!doctype html") || begins_with_tag(&start, "<html") || has_xhtml(&start);
    Ok(match ending.as_str() {
        _ if is_page => HTML,
        "html" | "htm" | "xhtml" => HTML,
        "md" | "markdown" | "mdown" | "mkd" => MARKDOWN,
        "" if HTML_STARTS.iter().any(|tag| begins_with_tag(&start, tag)) => HTML,
        _ => TEXT,
    })
}

fn refused(reason: &str) -> ParseError {
    ParseError::new(ParseErrorKind::Unsupported, format!("{reason}: {ACCEPTED}"))
}

/// The first visible characters, in lower case.
fn text_start(text: &str) -> String {
    let text = text.trim_start_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
    text.chars().take(1024).collect::<String>().to_ascii_lowercase()
}

fn begins_with_tag(start: &str, tag: &str) -> bool {
    let rest = start.strip_prefix(tag);
    rest.is_some_and(|rest| tag == "<!--" || rest.starts_with(['>', '/']) || rest.starts_with(char::is_whitespace))
}

/// An XML declaration, then a page.
fn has_xhtml(start: &str) -> bool {
    start.starts_with("<?xml") && (start.contains("<!doctype html") || start.contains("<html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_among_texts_only() {
        assert_eq!(detect(b"# Title\n", "a.md"), Ok(MARKDOWN));
        assert_eq!(detect(b"# Title\n", "a.txt"), Ok(TEXT));
        assert_eq!(detect(b"let a = 1;", "a.js"), Ok(TEXT));
        assert_eq!(detect("größer".as_bytes(), "no ending"), Ok(TEXT));
        assert_eq!(detect(b"gr\xf6\xdfer", "a.txt"), Ok(TEXT));
        assert_eq!(detect(b"\xff\xfea\0b\0", "a.txt"), Ok(TEXT));
        assert_eq!(detect(b"BMW and MZ are makers of cars", "a.txt"), Ok(TEXT));
        assert_eq!(detect(b"%PDF-1.7\n", "a.txt"), Ok(PDF));
    }

    #[test]
    fn texts_in_any_charset_are_texts() {
        let texts: [&[u8]; _] = [
            b"\xff\xfb\xeb\xee",                    // яызо… in windows-1251; the first bytes of an MP3
            b"\xff\xf1\xed\xee, \xff \xf2\xf3\xf2", // ясно in windows-1251; those of AAC
            b"\xff\xd8\xff \xe8",                   // яШя; those of a JPEG
            b"\x83\x65\x83\x58\x83\x67",            // テスト in Shift_JIS
            b"\xc4\xda\xd7\xa2",                    // GBK
            b"\x1b$B%F%9%H\x1b(B",                  // ISO-2022-JP
            b"p\0l\0a\0i\0n\0",
            b"\0p\0l\0a\0i\0n",
            b"p\0\0\0l\0\0\0",
            b"\xff\xfe\0\0p\0\0\0",
        ];
        for text in texts {
            assert_eq!(detect(text, "a.txt"), Ok(TEXT), "{text:x?}");
        }
        let page = "<!DOCTYPE html><p>x";
        for page in [
            page.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            page.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>(),
        ] {
            assert_eq!(detect(&page, "a.txt"), Ok(HTML));
            assert_eq!(detect(&[b"\xef\xbb\xbf \n<html>", &page[..0]].concat(), "a"), Ok(HTML));
        }
        assert_eq!(detect(b"<html><title>\xcf\xf0\xe8", "a"), Ok(HTML));
    }

    #[test]
    fn pages_are_told_by_their_start() {
        for page in ["<!DOCTYPE html><p>x", " \n<HTML lang=en>", "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'>"] {
            for name in ["a.txt", "a.md", "a"] {
                assert_eq!(detect(page.as_bytes(), name), Ok(HTML), "{page} as {name}");
            }
        }
        assert_eq!(detect(b"<div align=center>logo</div>", "README.md"), Ok(MARKDOWN));
        assert_eq!(detect(b"<div>x</div>", "a"), Ok(HTML));
        assert_eq!(detect(b"<division> of labour", "a"), Ok(TEXT));
        assert_eq!(detect(b"just words", "a.html"), Ok(HTML));
    }

    #[test]
    fn disguises_and_other_kinds_are_refused() {
        let binary: [(&[u8], &str); _] = [
            (b"PK\x03\x04\x14\0\0\0", "a.docx"),
            (b"\x7fELF\x02\x01\x01\0", "a.pdf"),
            (b"MZ\x90\0\x03\0\0\0", "a.txt"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.png"),
            (b"GIF89a\x01\0\x01\0", "a.md"),
            (b"\x01\x02\x03\x04\x05", "a.txt"),
        ];
        let texts: [(&[u8], &str); _] = [
            (b"<!DOCTYPE html><script>alert(1)</script>", "a.pdf"),
            (b"alert(1)", "A.PDF"),
            (b"#!/bin/sh\n", "a.exe"),
            (b"{\\rtf1 x}", "a.txt"),
            (b"<svg onload=alert(1)>", "a.html"),
        ];
        for (head, name) in binary.into_iter().chain(texts) {
            let error = detect(head, name).expect_err(name);
            assert_eq!(error.kind, ParseErrorKind::Unsupported);
            assert!(error.message.contains(ACCEPTED), "{error}");
        }
        assert_eq!(detect(b"", "a.txt").expect_err("empty").kind, ParseErrorKind::NoText);
    }
}
