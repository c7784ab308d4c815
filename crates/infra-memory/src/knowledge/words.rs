//! What a word is worth.

/// BM25's k1: how fast a further occurrence stops to matter. The common default.
const K1: f64 = 1.2;

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
    fn a_rarer_or_more_frequent_word_weighs_more() {
        assert!(weight(1, 1, 100) > weight(1, 50, 100));
        assert!(weight(3, 10, 100) > weight(1, 10, 100));
        assert!(weight(1, 100, 100) > 0.0);
    }
}
