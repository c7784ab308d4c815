//! Words as they are compared: lower case, without stop words and the commonest English endings.

use std::collections::BTreeSet;

/// English words that tell nothing about a subject.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been", "but",
    "by", "can", "could", "did", "do", "does", "for", "from", "get", "had", "has", "have", "he", "her", "here", "his",
    "how", "i", "if", "in", "into", "is", "it", "its", "just", "may", "me", "might", "more", "most", "must", "my",
    "no", "not", "of", "on", "one", "only", "or", "other", "our", "out", "over", "s", "shall", "she", "should", "so",
    "some", "such", "t", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those",
    "to", "up", "us", "very", "was", "way", "we", "were", "what", "when", "where", "which", "while", "who", "whom",
    "why", "will", "with", "would", "you", "your",
];

/// A word shorter than this keeps its ending.
const MIN_STEM_CHARS: usize = 3;

/// The distinct words of a text that tell something about its subject, as they are compared.
/// Ideographs and kana, which are written without spaces, count as a word each.
#[must_use]
pub fn content_words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_alphanumeric() && !is_unspaced(character) {
            word.extend(character.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            if STOP_WORDS.binary_search(&word.as_str()).is_err() {
                words.insert(stem(&word));
            }
            word.clear();
        }
        if is_unspaced(character) {
            words.insert(character.to_string());
        }
    }
    words
}

/// Hiragana, katakana and CJK ideographs.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Cuts the commonest English endings, so that `strings`, `converting` and `converted` meet
/// `string` and `convert`. Crude on purpose: both sides of a comparison are cut alike.
fn stem(word: &str) -> String {
    if !word.is_ascii() || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word.to_owned();
    }
    let mut stem = word;
    for ending in ["ations", "ation", "ings", "ing", "edly", "ed", "ies", "es", "s", "ly"] {
        let Some(rest) = stem.strip_suffix(ending) else { continue };
        if rest.len() < MIN_STEM_CHARS || (ending == "s" && rest.ends_with(['s', 'u', 'i'])) {
            continue;
        }
        if ending == "ies" {
            return format!("{rest}y");
        }
        stem = rest;
        break;
    }
    // `stopping` and `stop`; `make` and `making`.
    let bytes = stem.as_bytes();
    if let [.., before, last] = bytes
        && before == last
        && !matches!(last, b'l' | b's' | b'z')
        && stem.len() > MIN_STEM_CHARS
        && stem.len() < word.len()
    {
        stem = &stem[..stem.len() - 1];
    }
    match stem.strip_suffix('e') {
        Some(rest) if rest.len() >= MIN_STEM_CHARS => rest.to_owned(),
        _ => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn forms_of_a_word_meet() {
        for (left, right) in [
            ("strings", "string"),
            ("converting", "converted"),
            ("convert", "converts"),
            ("stopping", "stop"),
            ("make", "making"),
            ("queries", "query"),
            ("boxes", "box"),
            ("quickly", "quick"),
            ("classes", "class"),
            ("installations", "installation"),
        ] {
            assert_eq!(stem(left), stem(right), "{left} {right}");
        }
        for word in ["status", "e0382", "straße", "bus", "sing"] {
            assert_eq!(stem(word), word);
        }
    }

    #[test]
    fn identifiers_fall_apart_and_ideographs_stand_alone() {
        let words: Vec<_> = content_words("The os.path.join of 東京!").into_iter().collect();
        assert_eq!(words, ["join", "os", "path", "京", "東"]);
    }
}
