//! Blocks of code between fences, as far as the text before a place tells for certain where they are.

/// Fewest marks of a fence.
const FEWEST: usize = 3;

/// The fences of a text.
// Only what every parser of CommonMark takes for a fence is one: at the beginning of a line, and not where HTML may go
// on. A line that looks like a fence and is none of these makes all that follow unsure: what seems to open a block might
// close one. Then nothing is taken for code any more.
#[derive(Debug, Default)]
pub(super) struct Fences {
    open: Option<Fence>,
    line: Head,
    /// Whether a line began with a tag since the last blank one.
    has_html: bool,
    is_unsure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence {
    mark: char,
    length: usize,
}

/// The beginning of a line.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    spaces: usize,
    fence: Option<Fence>,
    /// A blank stands behind its marks.
    is_over: bool,
    /// What stands behind the fence, or at the beginning where there is none.
    has_text: bool,
    /// A mark stands in that.
    has_mark: bool,
}

impl Fences {
    /// Whether a block of code is open.
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes nothing for code any more.
    pub(super) const fn give_up(&mut self) {
        self.is_unsure = true;
    }

    pub(super) fn note(&mut self, char: char) {
        let line = &mut self.line;
        match (char, &mut line.fence) {
            ('\n' | '\r', _) => self.end_line(),
            (' ' | '\t', None) if !line.has_text => line.spaces += if char == ' ' { 1 } else { FEWEST + 1 },
            ('`' | '~', None) if !line.has_text => line.fence = Some(Fence { mark: char, length: 1 }),
            (_, Some(fence)) if !line.has_text && !line.is_over && char == fence.mark => fence.length += 1,
            (' ' | '\t', Some(_)) => line.is_over = true,
            (_, fence) => {
                self.has_html |= char == '<' && fence.is_none() && !line.has_text;
                line.has_mark |= char == '`';
                line.has_text = true;
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let fence = line.fence.filter(|fence| fence.length >= FEWEST);
        let is_plain = line.spaces == 0 && !(line.has_mark && fence.is_some_and(|fence| fence.mark == '`'));
        match (self.open, fence) {
            (Some(open), Some(fence)) if fence.mark == open.mark && fence.length >= open.length => {
                self.open = None;
                self.is_unsure |= line.has_text || line.spaces > FEWEST;
                self.has_html = false;
            }
            (Some(_), _) => {}
            (None, Some(fence)) if is_plain && !self.has_html && !self.is_unsure => self.open = Some(fence),
            (None, Some(_)) => self.is_unsure = true,
            (None, None) => self.has_html &= line.fence.is_some() || line.has_text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a block is open behind a text.
    fn is_code(text: &str) -> bool {
        let mut fences = Fences::default();
        text.chars().for_each(|char| fences.note(char));
        fences.is_open()
    }

    #[test]
    fn a_block_begins_behind_its_fence_and_ends_with_another() {
        for text in [
            "```\n",
            "text\n```html\nx\n",
            "~~~ a `b`\n",
            "```\n~~~\n",
            "````\n```\n",
            "```\na\n```\n\n```\n",
            "a < b\n```\n",
        ] {
            assert!(is_code(text), "{text}");
        }
        for text in ["```", "`` \n", "```\n```\n", "```\n  ````  \n", "~~~\nx\n~~~\n", "``` `\n", "a ```\n"] {
            assert!(!is_code(text), "{text}");
        }
    }

    #[test]
    fn where_it_is_unsure_nothing_is_code() {
        for text in [
            "<div>\n```\n",
            " ```\n```\n",
            "```\n``` x\n```\n",
            "```\n     ```\n```\n",
            "```a```\n```\n",
            "> x\n  ~~~\n```\n",
        ] {
            assert!(!is_code(text), "{text}");
        }
        assert!(is_code("<div>\n\n```\n"), "a blank line ends this HTML");
    }
}
