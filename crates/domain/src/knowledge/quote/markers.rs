//! Citation markers in answers: `[1]`, `[1][2]`, `[1, 2]`.

use std::ops::Range;

use super::sentences;

/// A marker in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The number of the passage that it cites.
    pub number: u32,
    /// The sentence that cites it, without markers.
    pub sentence: String,
    /// First Unicode scalar value of the marker in the answer.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

/// The markers of an answer, in their order. Numbers beyond `passages` (or 0), markers in code and the text of links
/// (`[1](…)`) are no citations; a number that one sentence repeats counts once.
#[must_use]
pub fn marks(text: &str, passages: u32) -> Vec<Mark> {
    // As long as the text, character by character, so that places in it are places in the text.
    let prose = blank_code(text);
    let mut marks: Vec<Mark> = Vec::new();
    for sentence in sentences(&prose) {
        let (plain, numbers) = take_markers(sentence.text);
        // A marker on its own line cites what stands before it.
        let plain = if plain.chars().any(char::is_alphanumeric) {
            plain
        } else {
            marks.last().map(|before| before.sentence.clone()).unwrap_or(plain)
        };
        let first = marks.len();
        for (number, place) in numbers {
            let repeated = marks[first..].iter().any(|before| before.number == number);
            if (1..=passages).contains(&number) && !repeated {
                let at = |byte| sentence.start + scalars(sentence.text, byte);
                marks.push(Mark { number, sentence: plain.clone(), start: at(place.start), end: at(place.end) });
            }
        }
    }
    marks
}

/// Unicode scalar values before a byte of a text.
fn scalars(text: &str, byte: usize) -> u32 {
    u32::try_from(text[..byte].chars().count()).unwrap_or(u32::MAX)
}

/// Takes the markers out of a sentence; gives their numbers, each with the bytes of its marker there.
fn take_markers(sentence: &str) -> (String, Vec<(u32, Range<usize>)>) {
    let mut plain = String::with_capacity(sentence.len());
    let mut numbers = Vec::new();
    let mut rest = sentence;
    while let Some(open) = rest.find('[') {
        let (before, from) = rest.split_at(open);
        plain.push_str(before);
        match marker(from) {
            Some((found, length)) => {
                plain.truncate(plain.trim_end_matches(' ').len());
                let start = sentence.len() - from.len();
                numbers.extend(found.into_iter().map(|number| (number, start..start + length)));
                rest = &from[length..];
            }
            None => {
                plain.push('[');
                rest = &from[1..];
            }
        }
    }
    plain.push_str(rest);
    (plain.trim().to_owned(), numbers)
}

/// The numbers of a marker at the start of `text`, and its length in bytes.
fn marker(text: &str) -> Option<(Vec<u32>, usize)> {
    let inside = text.strip_prefix('[')?;
    let close = inside.find(']')?;
    if inside[close + 1..].starts_with('(') {
        return None;
    }
    let numbers = inside[..close].split(',').map(|number| number.trim().parse().ok());
    Some((numbers.collect::<Option<Vec<u32>>>()?, close + 2))
}

/// The text with fenced blocks and inline code blanked, at the same length in characters.
fn blank_code(text: &str) -> String {
    let mut prose = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, None) => prose.push_str(&blank_inline(line)),
            (open, mark) => {
                fence = match (open, mark) {
                    (None, mark) => mark,
                    (Some(open), Some(mark)) if open == mark => None,
                    (open, _) => open,
                };
                prose.extend(line.chars().map(|c| if c == '\n' { c } else { ' ' }));
            }
        }
    }
    prose
}

/// The line with brackets inside its code spans blanked; the words stay, for the comparison.
fn blank_inline(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('`') {
        let ticks = rest[open..].len() - rest[open..].trim_start_matches('`').len();
        let (before, from) = rest.split_at(open);
        let mark = &from[..ticks];
        plain.push_str(before);
        match from[ticks..].find(mark) {
            Some(close) => {
                let code = &from[..ticks + close + ticks];
                plain.extend(code.chars().map(|c| if matches!(c, '[' | ']') { ' ' } else { c }));
                rest = &from[code.len()..];
            }
            None => {
                plain.push_str(mark);
                rest = &from[ticks..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(text: &str) -> Vec<(u32, String)> {
        marks(text, 3).into_iter().map(|mark| (mark.number, mark.sentence)).collect()
    }

    fn pair(number: u32, sentence: &str) -> (u32, String) {
        (number, sentence.to_owned())
    }

    #[test]
    fn all_forms_of_markers() {
        assert_eq!(
            cited("One is [1]. Two are.[1][2] Three, [2, 3] too. None."),
            [
                pair(1, "One is."),
                pair(1, "Two are."),
                pair(2, "Two are."),
                pair(2, "Three, too."),
                pair(3, "Three, too.")
            ]
        );
    }

    #[test]
    fn what_is_no_citation() {
        for text in [
            "Out of range [0], [4], [99999999999].",
            "A link [1](https://example.com).",
            "Code `a[1]` and ``b[`2`]``.",
            "```python\nx = a[1]\n```\n~~~\n[2]\n```\n[3]\n~~~",
            "Words [one], empty [], ranges [1-2], open [1",
        ] {
            assert_eq!(cited(text), [], "{text}");
        }
    }

    #[test]
    fn a_sentence_cites_a_passage_once() {
        assert_eq!(cited("Here [1], there [1]."), [pair(1, "Here, there.")]);
    }

    #[test]
    fn a_marker_on_its_own_line_cites_what_stands_before_it() {
        assert_eq!(cited("So it is [1].\n\n[2]"), [pair(1, "So it is."), pair(2, "So it is.")]);
    }

    #[test]
    fn a_marker_is_found_where_it_stands() {
        let text = "Größe: `a[1]` 😀 [1]. Zwei [2, 3] 東京.\n\n[1]";
        let marks = marks(text, 3);
        let cut = |mark: &Mark| -> String {
            text.chars().skip(mark.start as usize).take((mark.end - mark.start) as usize).collect()
        };
        let found: Vec<(u32, String)> = marks.iter().map(|mark| (mark.number, cut(mark))).collect();
        assert_eq!(found, [pair(1, "[1]"), pair(2, "[2, 3]"), pair(3, "[2, 3]"), pair(1, "[1]")]);
        assert!(marks[3].start > marks[2].start);
    }

    #[test]
    fn an_unclosed_tick_is_no_code() {
        assert_eq!(cited("It`s so [1]."), [pair(1, "It`s so.")]);
    }
}
