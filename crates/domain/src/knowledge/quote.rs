//! Quotes: which sentence of a passage an answer's sentence leans on, and which passages it cites.
//!
//! The rule is the same wherever an answer comes from: the quote is the sentence of the passage
//! that shares most words with the cited sentence.

mod markers;
mod sentences;

pub use markers::{Mark, marks};
pub use sentences::{Sentence, sentences};

use crate::knowledge::words::{of_question, shared, telling_terms};

/// A sentence of a passage, letter by letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The words.
    pub text: String,
    /// First Unicode scalar value of the quote in the passage.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Distinct words that it shares with the cited sentence; 0: the passage's first
    /// sentence stands for the whole, as none shares a word.
    pub shared_words: u32,
}

/// The sentence of `passage` that shares most distinct words with `sentence`, stop words left out. Ties go to
/// the one with fewer words, then to the first. `None` for a passage without a word.
#[must_use]
pub fn best_sentence(passage: &str, sentence: &str) -> Option<Quote> {
    let wanted = of_question(sentence);
    let mut best: Option<(Quote, usize)> = None;
    for candidate in sentences(passage) {
        if !candidate.text.chars().any(char::is_alphanumeric) {
            continue;
        }
        let own = telling_terms(candidate.text);
        let shared = u32::try_from(shared(&wanted, &own)).unwrap_or(u32::MAX);
        let better = match &best {
            None => true,
            Some((quote, words)) => {
                shared > quote.shared_words || (shared > 0 && shared == quote.shared_words && own.len() < *words)
            }
        };
        if better {
            let quote = Quote {
                text: candidate.text.to_owned(),
                start: candidate.start,
                end: candidate.end,
                shared_words: shared,
            };
            best = Some((quote, own.len()));
        }
    }
    best.map(|(quote, _)| quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSAGE: &str = "Der Käfer läuft. Python's built-in int() converts a string to a number. \
        Floats need float(). By default, these interpret the number as decimal, e.g. int('0144') is 144.";

    #[test]
    fn the_quote_is_the_sentence_that_shares_most_words() {
        let quote = best_sentence(PASSAGE, "You can convert strings into numbers with int.").unwrap();
        assert_eq!(quote.text, "Python's built-in int() converts a string to a number.");
        assert_eq!(quote.shared_words, 4);
    }

    #[test]
    fn ranges_count_unicode_scalar_values() {
        for cited in ["converting strings", "floats", "decimal by default", "Käfer"] {
            let quote = best_sentence(PASSAGE, cited).unwrap();
            let cut: String =
                PASSAGE.chars().skip(quote.start as usize).take((quote.end - quote.start) as usize).collect();
            assert_eq!(cut, quote.text);
            assert!(quote.shared_words > 0, "{cited}");
        }
    }

    #[test]
    fn without_a_shared_word_the_first_sentence_stands_for_the_passage() {
        let quote = best_sentence("---\n\nFirst one. Second one.", "zebra").unwrap();
        assert_eq!((quote.text.as_str(), quote.shared_words), ("First one.", 0));
        assert_eq!(best_sentence(" \n—\n", "zebra"), None);
    }

    #[test]
    fn a_tie_goes_to_the_denser_sentence() {
        let passage = "The oven, the table and the chair are in the kitchen. The oven is hot.";
        assert_eq!(best_sentence(passage, "Which oven?").unwrap().text, "The oven is hot.");
    }
}
