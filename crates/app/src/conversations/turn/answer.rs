//! The answer as it grows: deltas become numbered events and parts.

use domain::{
    conversations::{Part, Parts, StreamEvent, TurnEvent},
    gateways::{AnswerExtra, ChatDelta, ToolCall},
    usage::TokenUsage,
};

/// Most bytes of one answer; what a model writes beyond is a failure, not memory.
pub(crate) const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// How an answer ends that takes too long: code and sentence.
pub(crate) const TOO_SLOW: (&str, &str) = ("answer_too_slow", "the model wrote for longer than an answer may take");

/// What a model has said so far.
pub(crate) struct Answer {
    pub(crate) parts: Parts,
    pub(crate) usage: Option<TokenUsage>,
    /// The last count, where more was said behind it.
    pub(crate) outdated: Option<TokenUsage>,
    pub(crate) finish_reason: Option<String>,
    /// Number of the last event.
    last_number: i64,
    bytes: usize,
}

impl Answer {
    /// An answer whose stream has `last_number` events.
    pub(crate) fn after(last_number: i64) -> Self {
        Self { parts: Parts::default(), usage: None, outdated: None, finish_reason: None, last_number, bytes: 0 }
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Nothing has been said yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.0.iter().all(|part| matches!(part, Part::Extra(_)))
    }

    /// Takes a delta in; text comes back as the event to tell, the rest is only kept.
    pub(crate) fn take(&mut self, delta: ChatDelta) -> Option<TurnEvent> {
        match delta {
            ChatDelta::Text(text) => {
                self.grow(&text);
                match self.last() {
                    Some(Part::Text { text: so_far }) => so_far.push_str(&text),
                    _ => self.push(Part::Text { text: text.clone() }),
                }
                Some(TurnEvent::TextDelta { text })
            }
            ChatDelta::Reasoning(text) => {
                self.grow(&text);
                match self.last() {
                    Some(Part::Reasoning { text: so_far }) => so_far.push_str(&text),
                    _ => self.push(Part::Reasoning { text: text.clone() }),
                }
                Some(TurnEvent::ReasoningDelta { text })
            }
            ChatDelta::ToolCall(call) => {
                self.grow(&call.arguments);
                self.push(Part::ToolCall {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    arguments: call.arguments.clone(),
                    extra: call.extra.clone(),
                });
                let ToolCall { id, name, arguments, extra } = call;
                Some(TurnEvent::ToolCall { id, name, arguments, extra })
            }
            ChatDelta::Extra(extra) => {
                self.bytes += extra.bytes();
                let mut all = match self.parts.0.pop_if(|last| matches!(last, Part::Extra(_))) {
                    Some(Part::Extra(all)) => all,
                    _ => AnswerExtra::default(),
                };
                all.add(extra.clone());
                self.parts.0.push(Part::Extra(all));
                Some(TurnEvent::AnswerExtra { extra })
            }
            ChatDelta::Finished(reason) => {
                self.finish_reason = Some(reason);
                None
            }
            ChatDelta::Usage(usage) => {
                self.usage = Some(usage);
                None
            }
            ChatDelta::UsageOutdated => {
                self.outdated = self.usage.take();
                None
            }
        }
    }

    /// The last part but for further fields, which stay behind all others: they come between any two words.
    fn last(&mut self) -> Option<&mut Part> {
        self.parts.0.iter_mut().rfind(|part| !matches!(part, Part::Extra(_)))
    }

    fn push(&mut self, part: Part) {
        let extra = self.parts.0.pop_if(|last| matches!(last, Part::Extra(_)));
        self.parts.0.extend([Some(part), extra].into_iter().flatten());
    }

    /// Gives an event its number.
    pub(crate) fn number(&mut self, event: TurnEvent) -> StreamEvent {
        self.last_number += 1;
        StreamEvent { number: self.last_number, event }
    }

    /// Takes back the numbers of the last events, which nobody was told of.
    pub(crate) fn take_back(&mut self, count: usize) {
        self.last_number -= count as i64;
    }

    /// The number that the next event gets.
    pub(crate) const fn next_number(&self) -> i64 {
        self.last_number + 1
    }

    /// The text parts alone, joined: where citation marks stand.
    pub(crate) fn text(&self) -> String {
        self.parts.plain_text()
    }

    /// All that was written, reasoning included, for an estimate of its tokens.
    pub(crate) fn written(&self) -> String {
        self.parts
            .0
            .iter()
            .map(|part| match part {
                Part::Text { text } | Part::Reasoning { text } => text.as_str(),
                Part::ToolCall { arguments, .. } => arguments.as_str(),
                _ => "",
            })
            .collect()
    }

    fn grow(&mut self, text: &str) {
        self.bytes += text.len();
    }
}

/// Puts two deltas of one kind together, or gives the second back.
pub(crate) fn merge(into: &mut ChatDelta, next: ChatDelta) -> Option<ChatDelta> {
    match (into, next) {
        (ChatDelta::Text(text), ChatDelta::Text(more)) | (ChatDelta::Reasoning(text), ChatDelta::Reasoning(more)) => {
            text.push_str(&more);
            None
        }
        (_, next) => Some(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_of_one_kind_become_one_part() {
        let mut answer = Answer::after(1);
        for delta in ["a", "b"] {
            answer.take(ChatDelta::Reasoning(delta.into()));
        }
        for delta in ["c", "d"] {
            answer.take(ChatDelta::Text(delta.into()));
        }
        let parts = vec![Part::Reasoning { text: "ab".into() }, Part::Text { text: "cd".into() }];
        assert_eq!(answer.parts, Parts(parts));
        assert_eq!(answer.len(), 4);
    }

    #[test]
    fn further_fields_of_an_answer_are_one_part_behind_the_others() {
        let mut answer = Answer::after(1);
        let extra = |value: serde_json::Value| AnswerExtra {
            answer: value.as_object().cloned().unwrap(),
            ..AnswerExtra::default()
        };
        answer.take(ChatDelta::Text("a".into()));
        let told = answer.take(ChatDelta::Extra(extra(serde_json::json!({ "citations": ["u"] }))));
        assert!(matches!(told, Some(TurnEvent::AnswerExtra { .. })));
        answer.take(ChatDelta::Text("b".into()));
        answer.take(ChatDelta::Extra(extra(serde_json::json!({ "citations": ["u", "v"] }))));
        let extra = extra(serde_json::json!({ "citations": ["u", "v"] }));
        assert_eq!(answer.parts.0, [Part::Text { text: "ab".into() }, Part::Extra(extra)]);
        assert!(answer.len() > 20);
    }

    #[test]
    fn only_neighbours_of_one_kind_are_merged() {
        let mut text = ChatDelta::Text("a".into());
        assert_eq!(merge(&mut text, ChatDelta::Text("b".into())), None);
        assert_eq!(text, ChatDelta::Text("ab".into()));
        assert!(merge(&mut text, ChatDelta::Reasoning("c".into())).is_some());
    }
}
