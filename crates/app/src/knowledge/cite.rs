//! What an answer cites.

use domain::{
    gateways::Passage,
    knowledge::quote::{Quote, best_sentence, marks},
};

/// The passages that an answer cites, by number, each with the words that the sentence of its first mark leans on.
/// Numbers of no passage are dropped.
pub(crate) fn cited<'a>(answer: &str, passages: &'a [Passage]) -> Vec<(&'a Passage, Quote)> {
    let count = u32::try_from(passages.len()).unwrap_or(u32::MAX);
    let mut cited: Vec<(&Passage, Quote)> = Vec::new();
    for mark in marks(answer, count) {
        if cited.iter().any(|(passage, _)| passage.number == mark.number) {
            continue;
        }
        let passage = passages.iter().find(|passage| passage.number == mark.number);
        cited.extend(passage.and_then(|passage| Some((passage, best_sentence(&passage.content, &mark.sentence)?))));
    }
    cited.sort_by_key(|(passage, _)| passage.number);
    cited
}
