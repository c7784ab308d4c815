//! Text as words, so that two programs' ways to write it can be compared.

use std::collections::{BTreeMap, BTreeSet};

/// Fewest words of a sentence that counts.
const SENTENCE: usize = 8;
/// A line runs through a document if it stands first or last on so many of its pages, but for its digits.
const RUNNING: usize = 4;

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

/// The sentences of a page that count, as words. They end with their mark and with their paragraph.
pub(super) fn sentences(page: &str) -> Vec<Vec<String>> {
    let ends = |text: &str| -> Vec<String> {
        let mut sentences = vec![String::new()];
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            if let Some(last) = sentences.last_mut() {
                last.push(character);
            }
            let is_end = matches!(character, '.' | '!' | '?' | '؟' | '۔')
                && characters.peek().is_none_or(|next| next.is_whitespace());
            if is_end || matches!(character, '。' | '！' | '？') {
                sentences.push(String::new());
            }
        }
        sentences
    };
    let sentences = page.split("\n\n").flat_map(ends).map(|sentence| words(&sentence));
    sentences.filter(|words| words.len() >= SENTENCE).collect()
}

/// A line without its digits and the space around it.
pub(super) fn without_digits(line: &str) -> String {
    line.chars().filter(|character| !character.is_numeric()).collect::<String>().trim().to_owned()
}

/// The lines that stand first or last on many pages, without their digits.
pub(super) fn running_lines(pages: &[&str]) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for page in pages {
        let mut lines = page.lines().filter(|line| !line.trim().is_empty());
        let edges: BTreeSet<String> =
            [lines.next(), lines.next_back()].into_iter().flatten().map(without_digits).collect();
        for edge in edges {
            *counts.entry(edge).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, count)| *count >= RUNNING).map(|(line, _)| line).collect()
}

fn unfolded(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
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
    fn sentences_end_with_marks_and_paragraphs() {
        let page = "One two three four five six\nseven eight. Nine.\n\nA b c d e f g h\n\ni";
        let found: Vec<usize> = sentences(page).iter().map(Vec::len).collect();
        assert_eq!(found, [8, 8]);
    }

    #[test]
    fn lines_that_run_through_a_document_differ_in_their_digits_only() {
        let pages = ["12 Basics\n\na", "13 Basics\n\nb", "14 Basics\n\nc", "15 Basics\n\nd", "Once\n\ne"];
        assert_eq!(running_lines(&pages).into_iter().collect::<Vec<_>>(), ["Basics"]);
    }
}
