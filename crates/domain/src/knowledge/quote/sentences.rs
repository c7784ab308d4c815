//! Sentences of running text: good enough for quotes, never for grammar.

/// A sentence and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence<'a> {
    /// Its text, without the white space around it.
    pub text: &'a str,
    /// First Unicode scalar value in the text it was taken from.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

/// Words whose full stop ends no sentence.
const ABBREVIATIONS: &[&str] = &[
    "al", "approx", "apr", "aug", "ca", "cf", "ch", "chap", "co", "corp", "dec", "dept", "dr", "eds", "eq", "est",
    "etc", "feb", "fig", "figs", "gen", "gov", "inc", "jan", "jr", "jul", "jun", "lt", "ltd", "mar", "mr", "mrs", "ms",
    "mt", "nov", "oct", "op", "p", "pp", "prof", "ref", "resp", "rev", "sec", "sect", "sen", "sep", "sept", "sgt",
    "sr", "st", "univ", "vol", "vs",
];

/// Thai and Lao have no full stop; a blank stands between clauses, and ends a sentence of so many characters.
const MIN_CLAUSES: usize = 60;

/// What ends a sentence: also in Arabic and Urdu, Hindi, Burmese, Khmer, Tibetan and Ethiopic.
const fn is_mark(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '؟' | '۔' | '።') || is_closed_mark(c)
}

/// What ends a sentence without white space behind it.
const fn is_closed_mark(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '।' | '॥' | '။' | '។' | '།')
}

/// Whether the blank at `index` ends a sentence that began at `start`, as both its neighbours are Thai or Lao.
fn ends_clause(characters: &[(usize, char)], start: usize, index: usize) -> bool {
    let is_thai = |at: usize| characters.get(at).is_some_and(|(_, c)| matches!(c, '\u{e00}'..='\u{eff}'));
    index - start >= MIN_CLAUSES && is_thai(index - 1) && is_thai(index + 1)
}

/// Splits a text into sentences. A blank line, a heading and an item of a list end one as well; a
/// citation marker (`[1]`) behind the full stop belongs to the sentence before it.
#[must_use]
pub fn sentences(text: &str) -> Vec<Sentence<'_>> {
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let mut found = Vec::new();
    let mut start = 0;
    let mut index = 0;
    while index < characters.len() {
        let end = match characters[index].1 {
            '\n' if ends_line(&characters, start, index) => Some(index),
            ' ' if ends_clause(&characters, start, index) => Some(index),
            c if is_mark(c) => sentence_end(&characters, start, index),
            _ => None,
        };
        match end {
            Some(end) => {
                push(&mut found, text, &characters, start, end);
                start = end;
                index = end.max(index + 1);
            }
            None => index += 1,
        }
    }
    push(&mut found, text, &characters, start, characters.len());
    found
}

fn push<'a>(found: &mut Vec<Sentence<'a>>, text: &'a str, characters: &[(usize, char)], from: usize, to: usize) {
    let range = &characters[from..to];
    let Some(first) = range.iter().position(|(_, character)| !character.is_whitespace()) else { return };
    let last = range.iter().rposition(|(_, character)| !character.is_whitespace()).unwrap_or(first);
    let (start, end) = (from + first, from + last + 1);
    let bytes = characters[start].0..characters.get(end).map_or(text.len(), |(byte, _)| *byte);
    if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) {
        found.push(Sentence { text: &text[bytes], start, end });
    }
}

/// Whether the line break at `index` ends a sentence that began at `start`.
fn ends_line(characters: &[(usize, char)], start: usize, index: usize) -> bool {
    let line: String = {
        let begin = characters[start..index].iter().rposition(|(_, c)| *c == '\n').map_or(start, |at| start + at + 1);
        characters[begin..index].iter().map(|(_, c)| *c).collect()
    };
    let next: String = characters[index + 1..].iter().map(|(_, c)| *c).take_while(|c| *c != '\n').take(8).collect();
    let next = next.trim_start();
    line.trim_start().starts_with('#') || line.trim().is_empty() || next.is_empty() || begins_block(next)
}

/// A heading, an item of a list, a quotation, a row of a table or a fence.
fn begins_block(line: &str) -> bool {
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with(['#', '>', '|', '•'])
        || ["- ", "* ", "+ ", "```", "~~~"].iter().any(|mark| line.starts_with(mark))
        || (number.len() < line.len() && (number.starts_with(". ") || number.starts_with(") ")))
}

/// Where the sentence that began at `start` ends, if the terminator at `index` ends it: behind its
/// closing quotes, brackets and citation markers.
fn sentence_end(characters: &[(usize, char)], start: usize, index: usize) -> Option<usize> {
    let at = |position: usize| characters.get(position).map(|(_, character)| *character);
    let mut end = index + 1;
    while at(end).is_some_and(is_mark) {
        end += 1;
    }
    while at(end).is_some_and(|c| matches!(c, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '*' | '_' | '」' | '』'))
    {
        end += 1;
    }
    let before_markers = end;
    end = skip_markers(characters, end);
    let marked = end > before_markers;
    if is_closed_mark(characters[index].1) {
        return Some(end);
    }
    if at(end).is_some_and(|c| !c.is_whitespace()) {
        return None;
    }
    let next = (end..characters.len()).filter_map(at).find(|c| !c.is_whitespace());
    if next.is_some_and(char::is_lowercase) {
        return None;
    }
    let numbered = next.is_some_and(|c| c.is_ascii_digit());
    if characters[index].1 == '.' && end == index + 1 && !marked && is_abbreviation(characters, start, index, numbered)
    {
        return None;
    }
    Some(end)
}

/// Skips `[1]`, `[1][2]` and `[1, 2]`, with blanks before each.
fn skip_markers(characters: &[(usize, char)], from: usize) -> usize {
    let mut end = from;
    loop {
        let mut position = end;
        while characters.get(position).is_some_and(|(_, c)| *c == ' ') {
            position += 1;
        }
        if characters.get(position).is_none_or(|(_, c)| *c != '[') {
            return end;
        }
        let inside =
            characters[position + 1..].iter().take_while(|(_, c)| c.is_ascii_digit() || matches!(c, ',' | ' '));
        let close = position + 1 + inside.count();
        let has_digit = characters[position + 1..close].iter().any(|(_, c)| c.is_ascii_digit());
        if !has_digit || characters.get(close).is_none_or(|(_, c)| *c != ']') {
            return end;
        }
        end = close + 1;
    }
}

/// Whether the word before the full stop at `index` is an abbreviation: a known one, an initial, or
/// one with a full stop inside (`e.g.`, `U.S.`); `No.` only where a number follows.
fn is_abbreviation(characters: &[(usize, char)], start: usize, index: usize, numbered: bool) -> bool {
    let word: String = {
        let begin = characters[start..index]
            .iter()
            .rposition(|(_, c)| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '“' | '-' | '–' | '/'))
            .map_or(start, |at| start + at + 1);
        characters[begin..index].iter().flat_map(|(_, c)| c.to_lowercase()).collect()
    };
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic) && word != "i";
    let is_dotted = word.contains('.') && word.split('.').all(|part| part.chars().count() == 1);
    is_initial
        || is_dotted
        || (numbered && matches!(word.as_str(), "no" | "nos" | "nr"))
        || ABBREVIATIONS.binary_search(&word.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|sentence| sentence.text).collect()
    }

    #[test]
    fn abbreviations_are_sorted_for_the_search() {
        assert!(ABBREVIATIONS.is_sorted());
    }

    #[test]
    fn full_stops_that_end_nothing() {
        for text in [
            "Dr. Smith met Mrs. Jones, e.g. at 3.14 p.m. in the U.S. Senate.",
            "See Fig. 3 and Sect. 2, i.e. what J. R. R. Tolkien wrote.",
            "Use os.path.join(a, b) or version 2.0.4 of it.",
            "It waits... and then goes on.",
        ] {
            assert_eq!(split(text), [text]);
        }
    }

    #[test]
    fn ends_of_sentences() {
        assert_eq!(
            split("He said \"stop.\" She left! Did you? “Yes.” (It rained.) End"),
            ["He said \"stop.\"", "She left!", "Did you?", "“Yes.”", "(It rained.)", "End"]
        );
        assert_eq!(split("今日は晴れ。明日は雨！"), ["今日は晴れ。", "明日は雨！"]);
        assert_eq!(split("هل هذا صحيح؟ نعم. انتهى"), ["هل هذا صحيح؟", "نعم.", "انتهى"]);
        assert_eq!(split("यह सच है। वह भी।"), ["यह सच है।", "वह भी।"]);
        assert_eq!(split("ဟုတ်တယ်။ပြီးပြီ။"), ["ဟုတ်တယ်။", "ပြီးပြီ။"]);
        assert_eq!(split("នេះជាសាលា។ នោះជាផ្ទះ។"), ["នេះជាសាលា។", "នោះជាផ្ទះ។"]);
        let clause = "สัญญาฉบับนี้มีอายุสิบห้าปีและต่ออายุได้ตามที่ทั้งสองฝ่ายตกลงกันไว้";
        assert_eq!(split(&format!("{clause} {clause}")), [clause, clause]);
        assert_eq!(split("สั้น ๆ สั้น"), ["สั้น ๆ สั้น"]);
        assert_eq!(split("So do I. You too."), ["So do I.", "You too."]);
        assert_eq!(split("No. It is No. 5 of them."), ["No.", "It is No. 5 of them."]);
    }

    #[test]
    fn lines_end_sentences_only_where_a_block_begins() {
        assert_eq!(
            split("# Title\nhard wrapped\nline. Next\n\n- one\n- two\n1. three\nmore"),
            ["# Title", "hard wrapped\nline.", "Next", "- one", "- two", "1. three\nmore"]
        );
    }

    #[test]
    fn markers_belong_to_the_sentence_before() {
        assert_eq!(
            split("It is so. [1] Then that.[2][3] And this [4]. Or [1, 2]"),
            ["It is so. [1]", "Then that.[2][3]", "And this [4].", "Or [1, 2]"]
        );
    }

    #[test]
    fn ranges_cut_out_the_text() {
        let text = "  Ä ö. ü! \n\n ß? ";
        for sentence in sentences(text) {
            let cut: String =
                text.chars().skip(sentence.start as usize).take((sentence.end - sentence.start) as usize).collect();
            assert_eq!(cut, sentence.text);
        }
    }

    #[test]
    fn empty_texts_have_none() {
        assert!(split("").is_empty());
        assert!(split(" \n\n\t").is_empty());
    }
}
