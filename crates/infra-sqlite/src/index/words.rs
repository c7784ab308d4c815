//! The words of a question, made safe for MATCH.

use std::collections::BTreeSet;

/// Words of a question that are looked for; further ones are left out.
pub(super) const MAX_WORDS: usize = 64;

/// Combining diacritical marks, which FTS5 leaves out of the words that they stand in.
const DIACRITICS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';

/// The different words of a question, in their order.
pub(super) fn of_question(question: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    question
        .split(|c: char| !c.is_alphanumeric() && !DIACRITICS.contains(&c))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| seen.insert(word.clone()))
        .take(MAX_WORDS)
        .collect()
}

/// An FTS5 expression that any of the words satisfies. Inside the quotes nothing is an operator,
/// and a word holds no quote.
pub(super) fn any_of(words: &[String]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_quotes_of_a_question_are_only_words() {
        let words = of_question("NEAR(\"a\" b*) OR scope:c1 -- NOT 'a'; Ünïcode os.path.join");
        assert_eq!(words, ["near", "a", "b", "or", "scope", "c1", "not", "ünïcode", "os", "path", "join"]);
        assert_eq!(any_of(&words[..2]), "\"near\" OR \"a\"");
    }

    #[test]
    fn a_question_without_a_word_has_none_and_a_long_one_is_bounded() {
        assert!(of_question(" ?! \"\" ").is_empty());
        let long: Vec<String> = (0..1000).map(|number| format!("w{number}")).collect();
        assert_eq!(of_question(&long.join(" ")).len(), MAX_WORDS);
    }
}
