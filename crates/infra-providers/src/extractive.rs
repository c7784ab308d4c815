//! The model that is none: it answers with sentences of the passages, quoted and cited.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::{
    gateways::{ChatDelta, ChatModel, ChatRequest, ChatStream, GatewayError, ModelName, Passage, PromptRole},
    knowledge::quote::{content_words, sentences},
    usage::TokenUsage,
};
use futures::{StreamExt, stream};

/// Most sentences of an answer.
const MAX_SENTENCES: usize = 4;
/// A sentence must be worth at least this share of the best one.
const MIN_SHARE: f64 = 0.4;
/// What a word of the heading is worth, against one of the sentence itself.
const HEADING_WEIGHT: f64 = 0.5;
/// Longest sentence that is quoted whole, in characters.
const MAX_SENTENCE_CHARS: usize = 500;
/// Words of one delta.
const WORDS_PER_DELTA: usize = 6;

/// The beginning of the block of passages in a prompt; the tag's boundary follows.
const PASSAGES_BEGIN: &str = "<passages";

const INTRODUCTION: &str =
    "No language model is configured, so these are sentences from your documents that come closest to the question:";
const NOTHING_FOUND: &str = "I found nothing about this in your documents, and no language model is configured. \
    Upload documents that hold the answer, or configure a model: set OPENAI_API_KEY, OPENAI_BASE_URL or OLLAMA_HOST \
    and restart.";

/// The full name: `banyan/extractive`.
#[must_use]
pub fn name() -> ModelName {
    ModelName { provider: "banyan".to_owned(), model: "extractive".to_owned() }
}

/// Quotes the passages of a request; calls nobody and costs nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtractiveModel;

#[async_trait]
impl ChatModel for ExtractiveModel {
    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, GatewayError> {
        let question = request.messages.iter().rev().find(|message| message.role == PromptRole::User);
        let answer = answer(question.map_or("", |message| asked(&message.text, &request.passages)), &request.passages);
        // Words stand for tokens: the price is a known 0, but the work is to be seen in the accounts.
        let read = request.messages.iter().map(|message| count_words(&message.text)).sum();
        let usage = TokenUsage { input_tokens: read, output_tokens: count_words(&answer), ..TokenUsage::default() };
        let mut deltas: Vec<_> = pieces(&answer).into_iter().map(ChatDelta::Text).collect();
        deltas.extend([ChatDelta::Finished("stop".to_owned()), ChatDelta::Usage(usage)]);
        Ok(stream::iter(deltas.into_iter().map(Ok)).boxed())
    }
}

/// What was asked, without the block of passages that a prompt puts before it: their words are not
/// the question's. The block's first tag stands before any passage, and none of them knows its boundary.
fn asked<'a>(text: &'a str, passages: &[Passage]) -> &'a str {
    let boundary = text.split_once(PASSAGES_BEGIN).and_then(|(_, block)| block.split_once('>')).map(|(end, _)| end);
    match boundary.and_then(|boundary| text.split_once(&format!("</passages{boundary}>"))) {
        Some((_, question)) if !passages.is_empty() => question,
        _ => text,
    }
}

/// A sentence that may be quoted.
struct Candidate<'a> {
    passage: &'a Passage,
    position: usize,
    is_first: bool,
    text: String,
    words: BTreeSet<String>,
}

fn answer(question: &str, passages: &[Passage]) -> String {
    let candidates: Vec<Candidate<'_>> = passages.iter().flat_map(candidates).collect();
    let mut answer = String::new();
    for candidate in choose(question, candidates) {
        if answer.is_empty() {
            answer.push_str(INTRODUCTION);
            answer.push('\n');
        }
        answer.push_str(&format!("\n- “{}” [{}]", candidate.text, candidate.passage.number));
    }
    if answer.is_empty() { NOTHING_FOUND.to_owned() } else { answer }
}

/// The sentences of a passage that tell something: no headings, no questions.
fn candidates(passage: &Passage) -> Vec<Candidate<'_>> {
    let mut candidates = Vec::new();
    for (position, sentence) in sentences(&passage.content).into_iter().enumerate() {
        let text = quotable(sentence.text);
        let words = content_words(&text);
        if !sentence.text.starts_with('#') && !text.ends_with('?') && !words.is_empty() {
            let is_first = candidates.is_empty();
            candidates.push(Candidate { passage, position, is_first, text, words });
        }
    }
    candidates
}

/// The best sentences, in the order of the passages. A word that few sentences have is worth more.
/// When none shares a word with the question, the best passage speaks with its first sentence: it
/// was found by its meaning.
fn choose<'a>(question: &str, mut candidates: Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
    let wanted = content_words(question);
    let mut frequency: BTreeMap<String, f64> = BTreeMap::new();
    for word in candidates.iter().flat_map(|candidate| candidate.words.intersection(&wanted)) {
        *frequency.entry(word.clone()).or_default() += 1.0;
    }
    let total = candidates.len() as f64;
    let worth = |words: &BTreeSet<String>| -> f64 {
        words.intersection(&wanted).map(|word| (1.0 + total / frequency.get(word).unwrap_or(&1.0)).ln()).sum()
    };
    // A heading speaks for the sentences that share a word themselves, and for the first below it.
    let score = |candidate: &Candidate<'_>| {
        if !candidate.is_first && candidate.words.is_disjoint(&wanted) {
            return 0.0;
        }
        let heading = content_words(&candidate.passage.heading_path.join(" "));
        let heading: BTreeSet<String> = heading.difference(&candidate.words).cloned().collect();
        worth(&candidate.words) + HEADING_WEIGHT * worth(&heading)
    };
    let scores: Vec<f64> = candidates.iter().map(score).collect();
    let best = scores.iter().copied().fold(0.0, f64::max);
    if best == 0.0 {
        candidates.sort_by_key(|candidate| (candidate.passage.number, candidate.position));
        candidates.truncate(1);
        return candidates;
    }
    let mut ranked: Vec<(f64, Candidate<'_>)> =
        scores.into_iter().zip(candidates).filter(|(score, _)| *score >= best * MIN_SHARE).collect();
    ranked.sort_by(|(left, one), (right, other)| {
        let place = |candidate: &Candidate<'_>| (candidate.passage.number, candidate.position);
        right.total_cmp(left).then_with(|| place(one).cmp(&place(other)))
    });
    let mut chosen: Vec<Candidate<'a>> = Vec::new();
    for (_, candidate) in ranked {
        // Overlapping passages hold the same sentence twice.
        if chosen.len() < MAX_SENTENCES && chosen.iter().all(|before| before.text != candidate.text) {
            chosen.push(candidate);
        }
    }
    chosen.sort_by_key(|candidate| (candidate.passage.number, candidate.position));
    chosen
}

/// The sentence on one line, without its list mark; brackets around numbers become round, so that
/// they are no citations of ours.
fn quotable(sentence: &str) -> String {
    let line = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_start_matches(['-', '*', '+', '>', '•', '|', ' ']);
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        let inside = &rest[open + 1..];
        let length = inside.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b' ')).count();
        if length > 0 && inside[length..].starts_with(']') {
            text.push_str(&rest[..open]);
            text.push_str(&format!("({})", &inside[..length]));
            rest = &inside[length + 1..];
        } else {
            text.push_str(&rest[..=open]);
            rest = inside;
        }
    }
    text.push_str(rest);
    if text.chars().count() > MAX_SENTENCE_CHARS {
        text = text.chars().take(MAX_SENTENCE_CHARS).chain(['…']).collect();
    }
    text
}

/// The text in pieces of a few words.
fn pieces(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    words.chunks(WORDS_PER_DELTA).map(<[&str]>::concat).collect()
}

fn count_words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        gateways::PromptMessage,
        ids::{ChunkId, SourceId},
        knowledge::quote::{best_sentence, marks},
    };

    fn passage(number: u32, heading: &str, content: &str) -> Passage {
        Passage {
            number,
            chunk_id: ChunkId(uuid::Uuid::nil()),
            source_id: SourceId(uuid::Uuid::nil()),
            filename: "faq.html".to_owned(),
            page: None,
            heading_path: vec![heading.to_owned()],
            content: content.to_owned(),
        }
    }

    fn passages() -> Vec<Passage> {
        vec![
            passage(
                1,
                "How do I convert a string to a number?",
                "For integers, use the built-in int() type constructor [3], e.g. int('144')\n== 144. Is it so? \
                 By default, these interpret the number as decimal.",
            ),
            passage(2, "Strings", "# Strings\nA list is mutable. Strings are immutable, so convert them to a list."),
            passage(3, "Other", "The weather was fine on that day."),
        ]
    }

    #[test]
    fn words_of_the_passages_before_the_question_are_not_asked_for() {
        let prompt =
            "Use these.\n<passages-0a>\nThe weather.\n</passages>\nwas fine.\n</passages-0a>\n\nWhat are strings?";
        assert_eq!(asked(prompt, &passages()).trim(), "What are strings?");
        assert_eq!(asked(prompt, &[]), prompt);
    }

    #[test]
    fn the_closest_sentences_are_quoted_with_their_numbers() {
        let answer = answer("How can I convert strings to integers?", &passages());
        assert!(answer.starts_with("No language model is configured"), "{answer}");
        assert!(
            answer.contains("“For integers, use the built-in int() type constructor (3), e.g. int('144') == 144.” [1]")
        );
        assert!(answer.contains("“Strings are immutable, so convert them to a list.” [2]"));
        assert!(!answer.contains("[3]") && !answer.contains("Is it so"));
    }

    #[test]
    fn every_quote_is_found_again_in_its_passage() {
        let passages = passages();
        let answer = answer("How can I convert strings to integers?", &passages);
        let cited = marks(&answer, 3);
        assert_eq!(cited.iter().map(|mark| mark.number).collect::<Vec<_>>(), [1, 2]);
        let quote = best_sentence(&passages[0].content, &cited[0].sentence).unwrap();
        assert!(quote.text.starts_with("For integers, use the built-in"));
        let quote = best_sentence(&passages[1].content, &cited[1].sentence).unwrap();
        assert_eq!(quote.text, "Strings are immutable, so convert them to a list.");
    }

    #[test]
    fn what_is_found_by_meaning_alone_is_quoted_from_its_start() {
        let answer = answer("zebra?", &passages());
        assert!(answer.contains("“For integers") && answer.matches(" [").count() == 1, "{answer}");
    }

    #[test]
    fn a_sentence_in_two_overlapping_passages_is_quoted_once() {
        let twice = [passage(1, "", "Owls hunt at night."), passage(2, "", "Owls hunt at night.")];
        assert_eq!(answer("When do owls hunt?", &twice).matches("Owls").count(), 1);
    }

    #[tokio::test]
    async fn it_streams_and_counts_words() {
        let request = ChatRequest {
            messages: vec![
                PromptMessage::text(PromptRole::System, "Be kind"),
                PromptMessage::text(PromptRole::User, "Hi there you"),
            ],
            ..ChatRequest::default()
        };
        let deltas: Vec<_> = ExtractiveModel.chat(request).await.unwrap().map(Result::unwrap).collect().await;
        let text: String = deltas
            .iter()
            .filter_map(|delta| match delta {
                ChatDelta::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(text, NOTHING_FOUND);
        assert!(deltas.len() > 5);
        let usage = TokenUsage { input_tokens: 5, output_tokens: count_words(NOTHING_FOUND), ..TokenUsage::default() };
        assert_eq!(deltas[deltas.len() - 2..], [ChatDelta::Finished("stop".to_owned()), ChatDelta::Usage(usage)]);
    }
}
