//! BM25 (Robertson and Zaragoza 2009, equation 3.15) with b = 0, as chunks are of much the same length:
//! which words weigh how much.

/// How fast a further occurrence of a word stops to matter. FTS5's value too.
pub(super) const K1: f64 = 1.2;
/// Chunks that are scored at most; some 10 µs each.
pub(super) const MAX_CANDIDATES: i64 = 10_000;
/// Chunks that may hold any word before it counts as common.
const ALWAYS_COUNTED: i64 = 1_000;
/// Of so many chunks one may hold a word before it counts as common.
const COMMON_SHARE: i64 = 10;

/// A word of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The terms that it stands by in the index.
    pub(super) terms: Vec<String>,
    /// Chunks that hold one of them, each counted up to [`most_holders`].
    pub(super) holders: i64,
}

/// How a question is answered.
#[derive(Debug, PartialEq)]
pub(super) struct Choice {
    /// The words that candidates hold one of, as a `tsquery`.
    pub(super) candidates: String,
    /// The terms that are scored, between spaces.
    pub(super) words: String,
    /// Their weights, in the same order.
    pub(super) weights: String,
}

/// Up to how many chunks the holders of a word are counted, among so many.
pub(super) fn most_holders(chunks: i64) -> i64 {
    (chunks / COMMON_SHARE).clamp(ALWAYS_COUNTED, MAX_CANDIDATES)
}

/// Chooses the words that tell something. Common ones are left out, unless there are no others. The
/// rarest words bring the candidates, up to their bound. `None`: no chunk holds any word.
pub(super) fn choose(mut words: Vec<Word>, chunks: i64) -> Option<Choice> {
    words.retain(|word| word.holders > 0);
    let most = most_holders(chunks);
    if words.iter().any(|word| word.holders < most) {
        words.retain(|word| word.holders < most);
    }
    words.sort_by_key(|word| word.holders);
    let mut total = 0;
    let candidates: Vec<String> = words
        .iter()
        .take_while(|word| {
            let is_first = total == 0;
            total += word.holders;
            is_first || total <= MAX_CANDIDATES
        })
        .flat_map(|word| word.terms.iter().map(|term| format!("'{term}'")))
        .collect();
    if candidates.is_empty() {
        return None;
    }
    let terms: Vec<(&str, String)> = words
        .iter()
        .flat_map(|word| word.terms.iter().map(|term| (term.as_str(), weight(word.holders, chunks).to_string())))
        .collect();
    let (words, weights): (Vec<&str>, Vec<String>) = terms.into_iter().unzip();
    Some(Choice { candidates: candidates.join(" | "), words: words.join(" "), weights: weights.join(" ") })
}

/// The inverse document frequency, with 1 added under the logarithm so that no weight is negative.
/// Chunks of former versions are among the holders and not among the chunks.
fn weight(holders: i64, chunks: i64) -> f64 {
    let (holders, chunks) = (holders as f64, chunks.max(holders) as f64);
    (1.0 + (chunks - holders + 0.5) / (holders + 0.5)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(counted: &[(&str, i64)]) -> Vec<Word> {
        counted.iter().map(|(text, holders)| Word { terms: vec![(*text).to_owned()], holders: *holders }).collect()
    }

    #[test]
    fn common_words_are_left_out_beside_rarer_ones() {
        let choice = choose(words(&[("the", 10_000), ("zebra", 3), ("eat", 2_000), ("qqq", 0)]), 100_000).unwrap();
        assert_eq!((choice.candidates.as_str(), choice.words.as_str()), ("'zebra' | 'eat'", "zebra eat"));
        let weights: Vec<f64> = choice.weights.split(' ').map(|weight| weight.parse().unwrap()).collect();
        assert!(weights[0] > weights[1] && weights[1] > 0.0);
        // Where every word is common, and among few chunks, all are taken.
        assert_eq!(choose(words(&[("the", 10_000)]), 100_000).unwrap().candidates, "'the'");
        assert_eq!(choose(words(&[("the", 90), ("zebra", 1)]), 100).unwrap().words, "zebra the");
        assert_eq!(choose(words(&[("qqq", 0)]), 100), None);
    }

    #[test]
    fn the_rarest_words_bring_a_bounded_number_of_candidates() {
        let choice = choose(words(&[("b", 7_000), ("a", 2_000), ("c", 9_000)]), 1_000_000).unwrap();
        assert_eq!((choice.candidates.as_str(), choice.words.as_str()), ("'a' | 'b'", "a b c"));
    }

    #[test]
    fn no_weight_is_negative() {
        assert!(weight(100, 100) > 0.0 && weight(200, 100) > 0.0);
    }
}
