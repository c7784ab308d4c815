//! Text as words, so that two programs' ways to write it can be compared.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization as _;

/// Fewest words of a sentence that counts.
const SENTENCE: usize = 8;
/// A line runs through a document if it stands at the edge of so many of its pages, but for its digits.
const RUNNING: usize = 4;
/// So many lines at the top and at the bottom of a page may be running ones.
const EDGE: usize = 2;

/// The words of a text: runs of letters and digits in lower case; where words have no spaces, each letter.
/// A hyphen at the end of a line is none, ligatures are their letters.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for character in unfolded(text).chars() {
        if is_alone(character) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            words.push(character.to_string());
        } else if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        } else if !is_unseen(character) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// The sentences of a page that count, as words: from the end of the one before, or the beginning of a paragraph,
/// to a full stop or its like. What ends with none is a heading, or a column of a table, which `pdftotext` takes
/// column by column and we row by row.
pub(super) fn sentences(page: &str) -> Vec<Vec<String>> {
    let mut sentences = Vec::new();
    for paragraph in page.split("\n\n") {
        let mut start = 0;
        let mut characters = paragraph.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let is_last = characters.peek().is_none_or(|(_, next)| next.is_whitespace());
            if matches!(character, '。' | '！' | '？') || (matches!(character, '.' | '!' | '?' | '؟' | '۔') && is_last)
            {
                let end = at + character.len_utf8();
                sentences.push(words(&paragraph[start..end]));
                start = end;
            }
        }
    }
    sentences.retain(|words| words.len() >= SENTENCE);
    sentences
}

/// A line without its digits and the space around it.
pub(super) fn without_digits(line: &str) -> String {
    line.chars().filter(|character| !character.is_numeric()).collect::<String>().trim().to_owned()
}

/// The lines that stand at the edge of many pages, without their digits.
pub(super) fn running_lines(pages: &[&str]) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for page in pages {
        let lines: Vec<&str> = page.lines().filter(|line| !line.trim().is_empty()).collect();
        let edges = lines.iter().take(EDGE).chain(lines.iter().rev().take(EDGE));
        let edges: BTreeSet<String> = edges.map(|line| without_digits(line)).collect();
        for edge in edges {
            *counts.entry(edge).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, count)| *count >= RUNNING).map(|(line, _)| line).collect()
}

/// Without the ends of lines in words, and without ligatures and letters in forms (NFKC).
fn unfolded(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.nfkc().peekable();
    while let Some(character) = characters.next() {
        match character {
            '-' | '\u{2010}' | '\u{ad}' if characters.peek() == Some(&'\n') => drop(characters.next()),
            _ => out.push(character),
        }
    }
    out
}

/// Scripts without spaces between words: Thai, Lao, Khmer, ideographs, kana and Hangul.
fn is_alone(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3ffff}')
}

/// Marks of direction, accents that stand alone, and what joins letters: no letter and no end of a word.
fn is_unseen(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{640}' | '\u{64b}'..='\u{655}' | '\u{670}' | '\u{300}'..='\u{36f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_however_they_are_set() {
        assert_eq!(words("The e\u{fb03}cient Installa-\ntion, 3.5"), ["the", "efficient", "installation", "3", "5"]);
        assert_eq!(words("東京 へ"), ["東", "京", "へ"]);
    }

    #[test]
    fn sentences_begin_with_paragraphs_and_end_with_marks() {
        let page = "One two three four five six\nseven eight. Nine.\n\nA b c d e f g h 0.5\n\n一二三四五六七八。一";
        let found: Vec<String> = sentences(page).iter().map(|words| words.join(" ")).collect();
        assert_eq!(found, ["one two three four five six seven eight", "一 二 三 四 五 六 七 八"]);
    }

    #[test]
    fn lines_that_run_through_a_document_differ_in_their_digits_only() {
        let body = "Owls hunt.\nThey hunt at night.\nThey sleep by day.\nOwls are birds.";
        let pages: Vec<String> = (12..16).map(|page| format!("{page}\nBasics\n{page} {body}")).collect();
        let pages: Vec<&str> = pages.iter().map(String::as_str).chain(["Once"]).collect();
        let edges = ["", "Basics", "Owls are birds.", "They sleep by day."];
        assert_eq!(running_lines(&pages).into_iter().collect::<Vec<_>>(), edges);
    }
}
