//! What a single line of Markdown is, as CommonMark defines it, a little more lenient about indents.

use std::ops::Range;

/// A line without its line break.
pub(super) struct Line<'a> {
    /// Its first byte in the text.
    pub(super) start: usize,
    /// Its words.
    pub(super) text: &'a str,
}

/// The lines of a text; a final line break begins no line.
pub(super) fn split(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |whole| {
        let line = Line { start, text: whole.trim_end_matches('\n') };
        start += whole.len();
        line
    })
}

/// What opened a block of code.
#[derive(Clone, Copy)]
pub(super) struct Fence {
    mark: char,
    length: usize,
}

impl Line<'_> {
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Its bytes in the text without white space around them.
    pub(super) fn content(&self) -> Range<usize> {
        self.part(self.text.trim())
    }

    /// Where a part of this line stands in the text.
    fn part(&self, part: &str) -> Range<usize> {
        let start = self.start + (part.as_ptr() as usize - self.text.as_ptr() as usize);
        start..start + part.len()
    }

    /// Four columns or more of white space before the first word.
    pub(super) fn is_indented(&self) -> bool {
        self.text.starts_with("    ") || self.text.starts_with('\t')
    }

    pub(super) fn fence(&self) -> Option<Fence> {
        let text = self.text.trim_start();
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = text.len() - text.trim_start_matches(mark).len();
        let is_inline_code = mark == '`' && text[length..].contains('`');
        (length >= 3 && !is_inline_code).then_some(Fence { mark, length })
    }

    pub(super) fn closes(&self, fence: Fence) -> bool {
        let text = self.text.trim();
        text.len() >= fence.length && text.chars().all(|character| character == fence.mark)
    }

    /// Level and title of a heading that begins with `#`.
    pub(super) fn heading(&self) -> Option<(u8, Range<usize>)> {
        if self.is_indented() {
            return None;
        }
        let text = self.text.trim();
        let title = text.trim_start_matches('#');
        let level = u8::try_from(text.len() - title.len()).ok().filter(|level| (1..=6).contains(level))?;
        if !title.is_empty() && !title.starts_with([' ', '\t']) {
            return None;
        }
        let closed = title.trim_end_matches('#');
        let title = if closed.is_empty() || closed.ends_with([' ', '\t']) { closed } else { title };
        Some((level, self.part(title.trim())))
    }

    /// Level of the heading that this line underlines, if the line before is a paragraph.
    pub(super) fn underline(&self) -> Option<u8> {
        let text = self.text.trim();
        if self.is_indented() || text.len() < 2 && text != "=" {
            return None;
        }
        match text.trim_start_matches(if text.starts_with('=') { '=' } else { '-' }) {
            "" if text.starts_with('=') => Some(1),
            "" => Some(2),
            _ => None,
        }
    }

    /// A rule between paragraphs: three or more of `-`, `*` or `_`.
    pub(super) fn is_rule(&self) -> bool {
        let mut marks = self.text.chars().filter(|character| !character.is_whitespace());
        let Some(first) = marks.next().filter(|mark| matches!(mark, '-' | '*' | '_')) else { return false };
        let mut count = 1;
        marks.all(|mark| {
            count += 1;
            mark == first
        }) && count >= 3
    }

    pub(super) fn has_cells(&self) -> bool {
        self.text.contains('|')
    }

    /// The line under a table's head: `| --- | :-: |`.
    pub(super) fn separates_table_head(&self) -> bool {
        let text = self.text.trim();
        text.contains('|')
            && text.contains('-')
            && text.chars().all(|character| matches!(character, '|' | '-' | ':' | ' ' | '\t'))
    }

    /// Begins a list item. Within a paragraph only a bullet or the number 1 does: a year at the
    /// start of a wrapped line is none.
    pub(super) fn begins_item(&self, in_paragraph: bool) -> bool {
        let text = self.text.trim();
        if let Some(rest) = text.strip_prefix(['-', '*', '+']) {
            return rest.is_empty() && !in_paragraph || rest.starts_with([' ', '\t']);
        }
        let rest = text.trim_start_matches(|character: char| character.is_ascii_digit());
        let digits = &text[..text.len() - rest.len()];
        (1..=9).contains(&digits.len())
            && (!in_paragraph || digits == "1")
            && rest.strip_prefix(['.', ')']).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    }

    /// The title in a line `title: …` or `title = …` of the metadata at the top of a file.
    pub(super) fn front_matter_title(&self) -> Option<String> {
        let title = self
            .text
            .strip_prefix("title")?
            .trim_start()
            .strip_prefix([':', '='])?
            .trim()
            .trim_matches(['"', '\''])
            .trim();
        (!title.is_empty()).then(|| title.to_owned())
    }
}
