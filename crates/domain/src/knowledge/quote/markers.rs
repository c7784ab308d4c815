//! Citation markers in answers: `[1]`, `[1][2]`, `[1, 2]`.

use super::sentences;

/// The passages that an answer cites, in the order of its markers: the number and the sentence that
/// cites it, without markers. Numbers beyond `passages` (or 0), markers in code and the text of
/// links (`[1](…)`) are no citations; a number that one sentence repeats counts once.
#[must_use]
pub fn cited_numbers(text: &str, passages: u32) -> Vec<(u32, String)> {
    let prose = blank_code(text);
    let mut cited: Vec<(u32, String)> = Vec::new();
    for sentence in sentences(&prose) {
        let (plain, numbers) = take_markers(sentence.text);
        // A marker on its own line cites what stands before it.
        let plain = if plain.chars().any(char::is_alphanumeric) {
            plain
        } else {
            cited.last().map(|(_, before)| before.clone()).unwrap_or(plain)
        };
        let first = cited.len();
        for number in numbers {
            let repeated = cited[first..].iter().any(|(before, _)| *before == number);
            if (1..=passages).contains(&number) && !repeated {
                cited.push((number, plain.clone()));
            }
        }
    }
    cited
}

/// Takes the markers out of a sentence.
fn take_markers(sentence: &str) -> (String, Vec<u32>) {
    let mut plain = String::with_capacity(sentence.len());
    let mut numbers = Vec::new();
    let mut rest = sentence;
    while let Some(open) = rest.find('[') {
        let (before, from) = rest.split_at(open);
        plain.push_str(before);
        match marker(from) {
            Some((found, length)) => {
                plain.truncate(plain.trim_end_matches(' ').len());
                numbers.extend(found);
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
        cited_numbers(text, 3)
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
    fn an_unclosed_tick_is_no_code() {
        assert_eq!(cited("It`s so [1]."), [pair(1, "It`s so.")]);
    }
}
