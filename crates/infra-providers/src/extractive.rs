//! The model that is none: it answers with sentences of the passages, quoted and cited.

mod choose;
mod plain;

use async_trait::async_trait;
use domain::{
    gateways::{ChatDelta, ChatModel, ChatRequest, ChatStream, GatewayError, ModelName, Passage, PromptRole},
    usage::TokenUsage,
};
use futures::{StreamExt, stream};

use self::choose::choose;

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

fn answer(question: &str, passages: &[Passage]) -> String {
    let chosen = choose(question, passages);
    if chosen.is_empty() {
        return NOTHING_FOUND.to_owned();
    }
    let mut answer = format!("{INTRODUCTION}\n");
    for candidate in chosen {
        answer.push_str(&format!("\n- “{}” [{}]", candidate.text, candidate.passage.number));
    }
    answer
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
    fn a_sentence_of_another_passage_speaks_of_half_of_the_question() {
        let first = || passage(1, "Night", "Owls hunt mice at night.");
        let question = "Do owls hunt in winter?";
        let aside = answer(question, &[first(), passage(2, "Owls", "The winter was mild.")]);
        assert!(aside.contains("[1]") && !aside.contains("[2]"), "{aside}");
        let both = answer(question, &[first(), passage(2, "Snow", "Those hunt mice in winter as well.")]);
        assert!(both.contains("[1]") && both.contains("[2]"), "{both}");
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
    fn what_no_passage_speaks_of_is_not_answered() {
        assert_eq!(answer("zebra?", &passages()), NOTHING_FOUND);
        let poor = [passage(1, "", "Owls hunt at night in the woods.")];
        assert_eq!(answer("Where do zebras, giraffes, lions and elephants hunt?", &poor), NOTHING_FOUND);
    }

    #[test]
    fn one_sentence_that_answers_is_the_answer() {
        let passages = [
            passage(1, "Further reading", "- [Kernel modules](https://x.example/modules)\n- The kernel module book"),
            passage(2, "Contents", "1.1 Kernel module ........ 5\n1.2 Kernel ........ 6"),
            passage(
                3,
                "Modules",
                "| kernel module | yes |\n\nA **kernel module** is a piece of `code` that is loaded on \
                demand. It was fine weather. The sun shone. The kernel is old.",
            ),
            passage(4, "Other", "The weather was good. Somebody spoke of a module."),
        ];
        let answer = answer("What is a kernel module?", &passages);
        assert!(answer.ends_with("- “A kernel module is a piece of code that is loaded on demand.” [3]"), "{answer}");
    }

    #[test]
    fn every_script_is_answered() {
        for (question, content, sentence) in [
            ("重複行とは何ですか", "会議を開く。重複行は同じ内容の行である。晴れた。", "重複行は同じ内容の行である。"),
            ("什么是内核模块？", "天气很好。内核模块是可以加载的代码。我们走吧。", "内核模块是可以加载的代码。"),
            (
                "커널 모듈이란 무엇입니까?",
                "날씨가 좋다. 커널 모듈은 적재되는 코드이다.",
                "커널 모듈은 적재되는 코드이다.",
            ),
            ("Что такое ядро?", "Что было, то было. Ядро управляет памятью.", "Ядро управляет памятью."),
            ("ما هي النواة؟", "الطقس جميل. النواة تدير الذاكرة.", "النواة تدير الذاكرة."),
            ("Was ist ein Kern?", "Das ist so. Der Kern verwaltet den Speicher.", "Der Kern verwaltet den Speicher."),
        ] {
            let passages = [passage(1, "", content)];
            let answer = answer(question, &passages);
            assert!(answer.ends_with(&format!("\n\n- “{sentence}” [1]")), "{question}: {answer}");
            let cited = marks(&answer, 1);
            assert_eq!(best_sentence(content, &cited[0].sentence).unwrap().text, sentence);
        }
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
