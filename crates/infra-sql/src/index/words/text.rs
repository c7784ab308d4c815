//! The words of a text: runs of letters and digits without case and diacritics, reduced to English stems.

use std::collections::HashSet;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;

/// Words of a question that are looked for; further ones are left out.
const MAX_WORDS: usize = 64;
/// Bytes of a question that are cut into words.
const MAX_QUESTION_BYTES: usize = 4_096;
/// Combining diacritical marks.
const DIACRITICS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';

/// Calls `each` with every word of a text, in their order, before it is reduced to its stem.
pub(super) fn each_word(text: &str, mut each: impl FnMut(&str)) {
    if text.is_ascii() {
        let mut word = String::new();
        for piece in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| !piece.is_empty()) {
            word.clear();
            word.push_str(piece);
            word.make_ascii_lowercase();
            each(&word);
        }
        return;
    }
    let plain: String = text.nfd().filter(|c| !DIACRITICS.contains(c)).nfc().collect();
    for piece in plain.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty()) {
        each(&piece.to_lowercase());
    }
}

/// Reduces words to their stems.
pub(super) fn stemmer() -> Stemmer {
    Stemmer::create(Algorithm::English)
}

/// The different words of a question, as a segment holds them, in their order.
pub(super) fn of_question(question: &str) -> Vec<String> {
    let stemmer = stemmer();
    let mut seen = HashSet::new();
    let mut words = Vec::new();
    each_word(&question[..question.floor_char_boundary(MAX_QUESTION_BYTES)], |word| {
        let word = stemmer.stem(word).into_owned();
        if words.len() < MAX_WORDS && seen.insert(word.clone()) {
            words.push(word);
        }
    });
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_neither_case_nor_marks_nor_endings() {
        let words = of_question("Reading files, the FILE: os.path.join — cafe\u{301} Naïve join2 \"*\" été");
        assert_eq!(words, ["read", "file", "the", "os", "path", "join", "cafe", "naiv", "join2", "ete"]);
        assert!(of_question(" ?! \"\" \0").is_empty());
    }

    #[test]
    fn ascii_is_cut_like_any_text() {
        let (mut plain, mut marked) = (Vec::new(), Vec::new());
        each_word("A-b_c d9\u{0}E", |word| plain.push(word.to_owned()));
        each_word("Á-b_c d9\u{0}E", |word| marked.push(word.to_owned()));
        assert_eq!(plain, marked);
    }

    #[test]
    fn a_long_question_is_bounded() {
        let long: Vec<String> = (0..1000).map(|number| format!("w{number}")).collect();
        assert_eq!(of_question(&long.join(" ")).len(), MAX_WORDS);
        assert_eq!(of_question(&"é".repeat(MAX_QUESTION_BYTES)).len(), 1);
    }
}
