//! A sentence of a document as it is read aloud: without the marks of Markdown and HTML.

use domain::knowledge::markdown::html_tag;

/// Longest sentence that is quoted whole, in characters.
const MAX_SENTENCE_CHARS: usize = 500;

/// A sentence without markup.
pub(super) struct Plain {
    /// The text, on one line.
    pub(super) text: String,
    /// The share of its characters that were the text of links.
    pub(super) links: f64,
}

/// The sentence on one line, without marks of lists, links, emphasis and HTML; brackets around numbers become round, so
/// that they are no citations of ours.
pub(super) fn plain(sentence: &str) -> Plain {
    let line = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_start_matches(['-', '*', '+', '>', '•', ' ']);
    let mut text = String::with_capacity(line.len());
    let mut linked = 0;
    let mut rest = line;
    while let Some(at) = rest.find(['[', '!', '<', '*', '`', '\\']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let image = rest.strip_prefix('!').filter(|rest| rest.starts_with('['));
        if let Some((label, after)) = link(image.unwrap_or(rest)) {
            text.push_str(label);
            linked += label.chars().count();
            rest = after;
        } else if let Some((numbers, after)) = numbers(rest) {
            text.push_str(&format!("({numbers})"));
            rest = after;
        } else if let Some(after) =
            after_markup(rest).or_else(|| rest.strip_prefix("**")).or_else(|| rest.strip_prefix('`'))
        {
            rest = after;
        } else {
            // An escape is left out, anything else stands for itself.
            let kept = rest.strip_prefix('\\').filter(|after| after.starts_with(|c: char| c.is_ascii_punctuation()));
            rest = kept.unwrap_or(rest);
            let first = rest.chars().next().map_or(0, char::len_utf8);
            text.push_str(&rest[..first]);
            rest = &rest[first..];
        }
    }
    text.push_str(rest);
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let links = linked as f64 / text.chars().count().max(1) as f64;
    if text.chars().count() > MAX_SENTENCE_CHARS {
        text = text.chars().take(MAX_SENTENCE_CHARS).chain(['…']).collect();
    }
    Plain { text, links }
}

/// The label of a link `[label](address)` at the start, and what follows.
fn link(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (address, after) = rest.split_once(')')?;
    (!label.contains(['[', '\n']) && !address.contains(' ')).then_some((label, after))
}

/// The numbers of a mark `[1, 2]` at the start, and what follows.
fn numbers(text: &str) -> Option<(&str, &str)> {
    let (inside, after) = text.strip_prefix('[')?.split_once(']')?;
    let are_numbers =
        !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b' '));
    are_numbers.then_some((inside, after))
}

/// What follows a tag or a comment of HTML at the start.
fn after_markup(text: &str) -> Option<&str> {
    match text.strip_prefix("<!--") {
        Some(comment) => comment.split_once("-->").map(|(_, after)| after),
        None => html_tag(text).map(|length| &text[length..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_markdown_and_html_are_left_out() {
        for (sentence, text) in [
            ("- **Banyan** is a `server`.", "Banyan is a server."),
            ("See [the manual](https://x.example/a) and ![a tree](t.png).", "See the manual and a tree."),
            ("<p class=\"x\">Owls<br/>hunt</p> in /home/<name>.", "Owlshunt in /home/<name>."),
            ("It is so [1, 2], a[i] < b[j] \\_ok\\_ * 2 ! C:\\x", "It is so (1, 2), a[i] < b[j] _ok_ * 2 ! C:\\x"),
            ("> quoted\n  twice", "quoted twice"),
        ] {
            assert_eq!(plain(sentence).text, text);
        }
        assert!(plain("* [Owls](https://x.example) ").links > 0.9);
        assert!(plain("Owls hunt, says [this](https://x.example).").links < 0.5);
        assert_eq!(plain(&"x".repeat(600)).text.chars().count(), MAX_SENTENCE_CHARS + 1);
        assert_eq!(plain("[ [ ![ < ** `` [a](b").text, "[ [ ![ < [a](b");
    }
}
