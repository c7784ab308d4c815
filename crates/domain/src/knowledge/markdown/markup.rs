//! HTML inside of Markdown: comments and tags, which are no words of the text.

use super::lines::{self, Line};

/// The end of code within a line is looked for in so many bytes, and the end of a tag.
const MAX_INLINE_BYTES: usize = 2048;
/// The elements whose tags stand in texts, sorted; a `<T>` or a `<name>` in a text is no tag.
const ELEMENTS: [&str; 60] = [
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "iframe",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "picture",
    "pre",
    "q",
    "s",
    "samp",
    "script",
    "section",
    "small",
    "source",
    "span",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "video",
];

/// The text without comments and tags outside of code. A line that held nothing else is empty then; a
/// `<br>` and the cells of a table become spaces.
pub(super) fn removed(text: String) -> String {
    if !text.contains('<') {
        return text;
    }
    // A comment that nothing ends is none.
    let last_end = text.rfind("-->").unwrap_or(0);
    let mut clean = String::with_capacity(text.len());
    let (mut fence, mut in_comment, mut was_blank, mut in_code) = (None, false, true, false);
    for line in lines::split(&text) {
        in_code = line.is_indented() && (was_blank || in_code);
        was_blank = line.is_blank();
        match fence {
            Some(open) => {
                clean.push_str(line.text);
                if line.closes(open) {
                    fence = None;
                }
            }
            None if !in_comment && (in_code || line.fence().is_some()) => {
                fence = line.fence().filter(|_| !in_code);
                clean.push_str(line.text);
            }
            None => in_comment = clean_line(&line, last_end, in_comment, &mut clean),
        }
        if line.start + line.text.len() < text.len() {
            clean.push('\n');
        }
    }
    clean
}

/// Adds a line without its comments and tags; whether a comment goes on after it.
fn clean_line(line: &Line<'_>, last_end: usize, mut in_comment: bool, clean: &mut String) -> bool {
    let mut rest = line.text;
    loop {
        if in_comment {
            let Some(end) = rest.find("-->") else { return true };
            rest = &rest[end + 3..];
            in_comment = false;
        }
        let Some(at) = rest.find(['<', '`']) else { break };
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        let position = line.start + (line.text.len() - rest.len());
        if rest.starts_with('`') {
            // Code within a line, up to as many marks as began it.
            let marks = rest.len() - rest.trim_start_matches('`').len();
            let near = &rest[marks..rest.floor_char_boundary(marks + MAX_INLINE_BYTES)];
            let end = near.find(&rest[..marks]).map_or(marks, |end| end + 2 * marks);
            clean.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if rest.starts_with("<!--") && position < last_end {
            rest = &rest[4..];
            in_comment = true;
        } else if let Some(length) = tag(rest) {
            if ["<br", "<td", "<th", "<img"].iter().any(|name| rest[..length].starts_with(name)) {
                clean.push(' ');
            }
            rest = &rest[length..];
        } else {
            clean.push('<');
            rest = &rest[1..];
        }
    }
    clean.push_str(rest);
    false
}

/// The length in bytes of the tag of HTML that a text begins with, if it begins with one.
#[must_use]
pub fn tag(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('<')?;
    let inside = inside.strip_prefix('/').unwrap_or(inside);
    let name = &inside[..inside.find(|letter: char| !letter.is_ascii_alphanumeric())?];
    let is_known = name.len() <= 10 && ELEMENTS.binary_search(&name.to_ascii_lowercase().as_str()).is_ok();
    let after = inside[name.len()..].chars().next()?;
    if !is_known || !(after.is_whitespace() || matches!(after, '>' | '/')) {
        return None;
    }
    // A tag that another begins in has no end.
    let mut bytes = text.bytes().take(MAX_INLINE_BYTES).enumerate().skip(1);
    bytes.find(|(_, byte)| matches!(byte, b'<' | b'>')).filter(|(_, byte)| *byte == b'>').map(|(end, _)| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_sorted_and_only_theirs_are_tags() {
        assert!(ELEMENTS.is_sorted());
        for (text, length) in [("<br/>x", Some(5)), ("</Section >", Some(11)), ("<name>", None), ("<T>", None)] {
            assert_eq!(tag(text), length, "{text}");
        }
        for text in ["<a", "<a <b>", "<ab>", "< a>", "a>"] {
            assert_eq!(tag(text), None, "{text}");
        }
    }
}
