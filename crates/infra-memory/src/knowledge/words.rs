//! Words, as the lexical index sees them.

use std::collections::{BTreeMap, BTreeSet};

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;

/// BM25's k1: how fast a further occurrence stops to matter. The common default.
const K1: f64 = 1.2;

/// Combining diacritical marks.
const DIACRITICS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';

/// The words of a text, without case and diacritics, reduced to English stems.
fn words(text: &str) -> Vec<String> {
    let plain: String = text.nfd().filter(|c| !DIACRITICS.contains(c)).nfc().collect();
    let words = plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let stemmer = Stemmer::create(Algorithm::English);
    words.map(|word| stemmer.stem(&word.to_lowercase()).into_owned()).collect()
}

/// The different words of a question.
pub(super) fn of_question(question: &str) -> BTreeSet<String> {
    words(question).into_iter().collect()
}

/// How often a text holds each word.
pub(super) fn counted(text: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for word in words(text) {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

/// What a word adds to the score of a chunk that holds it `count` times, where `holders` of `total`
/// chunks hold it: BM25 (Robertson and Zaragoza 2009, equation 3.15) with b = 0, as chunks are of
/// much the same length, and with 1 added under the logarithm so that no weight is negative.
pub(super) fn weight(count: u32, holders: usize, total: usize) -> f64 {
    let (count, holders, total) = (f64::from(count), holders as f64, total as f64);
    let rarity = (1.0 + (total - holders + 0.5) / (holders + 0.5)).ln();
    rarity * count * (K1 + 1.0) / (count + K1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_or_punctuation() {
        assert_eq!(counted("The cat, the CAT!"), BTreeMap::from([("cat".to_owned(), 2), ("the".to_owned(), 2)]));
        assert_eq!(counted("Files; a FILE"), BTreeMap::from([("a".to_owned(), 1), ("file".to_owned(), 2)]));
        assert_eq!(of_question(" ?! "), BTreeSet::new());
        assert_eq!(of_question("É E\u{301} é"), BTreeSet::from(["e".to_owned()]));
    }

    #[test]
    fn a_rarer_or_more_frequent_word_weighs_more() {
        assert!(weight(1, 1, 100) > weight(1, 50, 100));
        assert!(weight(3, 10, 100) > weight(1, 10, 100));
        assert!(weight(1, 100, 100) > 0.0);
    }
}
