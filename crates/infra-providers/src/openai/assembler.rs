//! Puts deltas together from the chunks of a stream.

use std::collections::VecDeque;

use domain::gateways::{ChatDelta, ToolCall};
use serde_json::Value;

use super::wire::{ChatChunk, Delta, ToolCallPiece, text};

/// Most tool calls of one answer.
const MAX_TOOL_CALLS: usize = 128;
/// Most bytes of the arguments of all tool calls of one answer.
const MAX_ARGUMENT_BYTES: usize = 1024 * 1024;

/// An answer with more tool calls, or longer ones, than one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an answer has at most {MAX_TOOL_CALLS} tool calls with {MAX_ARGUMENT_BYTES} bytes of arguments")]
pub(super) struct TooManyToolCalls;

/// The state of one answer.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    calls: Vec<(Option<usize>, ToolCall)>,
    argument_bytes: usize,
    is_finished: bool,
}

impl Assembler {
    /// Whether the model said why it stopped.
    pub(super) const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Takes a chunk in.
    pub(super) fn take(&mut self, chunk: ChatChunk, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        // A request asks for one choice; a peer that sends more is heard on the first.
        for choice in chunk.choices.into_iter().filter(|choice| choice.index == 0) {
            let finish_reason = choice.finish_reason.clone();
            self.take_delta(choice.said(), deltas)?;
            if !finish_reason.is_empty() && !self.is_finished {
                self.is_finished = true;
                self.end_calls(deltas);
                deltas.push_back(ChatDelta::Finished(finish_reason));
            }
        }
        deltas.extend(chunk.usage.and_then(|usage| usage.tokens()).map(ChatDelta::Usage));
        Ok(())
    }

    /// Gives the tool calls out that are complete at the end.
    pub(super) fn end_calls(&mut self, deltas: &mut VecDeque<ChatDelta>) {
        deltas.extend(self.calls.drain(..).map(|(_, call)| ChatDelta::ToolCall(call)));
    }

    fn take_delta(&mut self, delta: Delta, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        let reasoning =
            [text(&delta.reasoning_content), text(&delta.reasoning)].into_iter().find(|text| !text.is_empty());
        deltas.extend(reasoning.map(ChatDelta::Reasoning));
        for content in [text(&delta.content), text(&delta.refusal)] {
            if !content.is_empty() {
                deltas.push_back(ChatDelta::Text(content));
            }
        }
        delta.tool_calls.into_iter().try_for_each(|piece| self.take_piece(piece))
    }

    fn take_piece(&mut self, piece: ToolCallPiece) -> Result<(), TooManyToolCalls> {
        let arguments = match piece.function.arguments {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        self.argument_bytes += arguments.len();
        // A new id begins a new call, be its index that of another. Anything else goes on with the last call of its
        // index, or without one with the last of all.
        let position = match piece.index {
            Some(index) => self.calls.iter().rposition(|(known, _)| *known == Some(index)),
            None => self.calls.len().checked_sub(1),
        };
        let position = position.filter(|position| {
            let known = &self.calls[*position].1.id;
            piece.id.is_empty() || known.is_empty() || piece.id == *known
        });
        if self.argument_bytes > MAX_ARGUMENT_BYTES || (position.is_none() && self.calls.len() >= MAX_TOOL_CALLS) {
            return Err(TooManyToolCalls);
        }
        match position.and_then(|position| self.calls.get_mut(position)) {
            Some((_, call)) => {
                if call.id.is_empty() {
                    call.id = piece.id;
                }
                // Some peers repeat the name with every piece.
                if call.name.is_empty() {
                    call.name = piece.function.name;
                }
                call.arguments.push_str(&arguments);
                call.extra.extend(piece.extra);
            }
            None => {
                let call = ToolCall { id: piece.id, name: piece.function.name, arguments, extra: piece.extra };
                self.calls.push((piece.index, call));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::usage::TokenUsage;

    fn assemble(chunks: &[&str]) -> Vec<ChatDelta> {
        let mut assembler = Assembler::default();
        let mut deltas = VecDeque::new();
        for chunk in chunks {
            assembler.take(serde_json::from_str(chunk).unwrap(), &mut deltas).unwrap();
        }
        assembler.end_calls(&mut deltas);
        deltas.into()
    }

    fn call(id: &str, name: &str, arguments: &str) -> ChatDelta {
        ChatDelta::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            ..ToolCall::default()
        })
    }

    #[test]
    fn what_peers_really_send_is_read() {
        let deltas = assemble(&[
            r#"{"choices":[{"delta":{"role":"","content":null}}],"service_tier":"on_demand","usage":null}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning":"so","content":[{"type":"text","text":"A"}]}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"other"}}],"x":{"y":1}}"#,
            r#"{"choices":[{"delta":{"refusal":"no"},"finish_reason":"","logprobs":null}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"model_length"}],"usage":{}}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":0,"prompt_tokens_details":null}}"#,
        ]);
        let usage = TokenUsage { input_tokens: 3, ..TokenUsage::default() };
        assert_eq!(
            deltas,
            [
                ChatDelta::Reasoning("hm".into()),
                ChatDelta::Reasoning("so".into()),
                ChatDelta::Text("A".into()),
                ChatDelta::Text("no".into()),
                ChatDelta::Finished("model_length".into()),
                ChatDelta::Usage(usage),
            ]
        );
    }

    #[test]
    fn tool_calls_are_put_together_before_the_end() {
        let deltas = assemble(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"x\""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"function":{"arguments":":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        ]);
        assert_eq!(
            deltas,
            [call("a", "f", "{}"), call("b", "g", "{\"x\":1}"), ChatDelta::Finished("tool_calls".into())]
        );
    }

    #[test]
    fn tool_calls_without_an_index_or_as_objects() {
        let deltas = assemble(&[
            r#"{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x":1}}},{"id":"b","function":{"name":"g"}}]}}]}"#,
        ]);
        assert_eq!(deltas, [call("a", "f", "{\"x\":1}"), call("b", "g", "")]);
    }

    #[test]
    fn a_new_id_begins_a_new_call_whatever_its_index() {
        let deltas = assemble(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a1","function":{"name":"f","arguments":"{\"x\""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a2","function":{"name":"f","arguments":"{}"}}]}}]}"#,
        ]);
        assert_eq!(deltas, [call("a1", "f", "{\"x\":1}"), call("a2", "f", "{}")]);
    }

    #[test]
    fn a_chunk_may_be_an_error_itself() {
        let chunk: ChatChunk = serde_json::from_str(r#"{"object":"error","message":"too long","code":400}"#).unwrap();
        assert_eq!(chunk.error().unwrap()["message"], "too long");
        let chunk: ChatChunk = serde_json::from_str(r#"{"object":"chat.completion.chunk","choices":[]}"#).unwrap();
        assert_eq!(chunk.error(), None);
    }

    #[test]
    fn a_message_beside_a_delta_is_not_said_twice() {
        let deltas = assemble(&[
            r#"{"choices":[{"delta":{"content":"Hello"},"message":{"content":"Hello"}}]}"#,
            r#"{"choices":[{"delta":{"content":" world"},"message":{"content":"Hello world"}}]}"#,
            r#"{"choices":[{"delta":{},"message":{"content":"Hello world"}}]}"#,
        ]);
        assert_eq!(deltas, [ChatDelta::Text("Hello".into()), ChatDelta::Text(" world".into())]);
    }

    #[test]
    fn tool_calls_are_bounded() {
        let piece = |index: usize, arguments: &str| {
            let chunk = serde_json::json!({ "choices": [{ "delta": { "tool_calls": [
                { "index": index, "function": { "name": "f", "arguments": arguments } }] } }] });
            serde_json::from_value::<ChatChunk>(chunk).unwrap()
        };
        let mut assembler = Assembler::default();
        let mut deltas = VecDeque::new();
        for index in 0..MAX_TOOL_CALLS {
            assembler.take(piece(index, ""), &mut deltas).unwrap();
        }
        assert_eq!(assembler.take(piece(MAX_TOOL_CALLS, ""), &mut deltas), Err(TooManyToolCalls));
        assert_eq!(assembler.take(piece(0, &"x".repeat(MAX_ARGUMENT_BYTES + 1)), &mut deltas), Err(TooManyToolCalls));
    }
}
