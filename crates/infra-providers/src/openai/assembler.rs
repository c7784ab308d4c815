//! Puts deltas together from the chunks of a stream.

use std::collections::VecDeque;

use domain::gateways::{ChatDelta, Extra, ToolCall};
use rand::distr::{Alphanumeric, SampleString};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{
    complaint::is_something,
    json,
    wire::{CALLS_TOOLS, ChatChunk, DONE, Delta, FAILED, ToolCallPiece, text, thoughts},
};

/// Most tool calls of one answer.
const MAX_TOOL_CALLS: usize = 128;
/// Most bytes of the arguments of all tool calls of one answer, and of what stands beside them.
const MAX_ARGUMENT_BYTES: usize = 1024 * 1024;
/// Length of an id that is made for a call without one: what Mistral demands of ids that it gets back.
const MADE_ID_LENGTH: usize = 9;

/// An answer with more tool calls, or longer ones, than one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an answer has at most {MAX_TOOL_CALLS} tool calls with {MAX_ARGUMENT_BYTES} bytes of arguments")]
pub(super) struct TooManyToolCalls;

/// The state of one answer.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    calls: Vec<(Option<usize>, ToolCall)>,
    argument_bytes: usize,
    has_called: bool,
    is_finished: bool,
    /// The first half of a character at the end of the text so far, and of the reasoning.
    half_text: String,
    half_reasoning: String,
}

impl Assembler {
    /// Whether the model said why it stopped.
    pub(super) const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Takes a chunk in.
    pub(super) fn take(&mut self, chunk: ChatChunk, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        let tokens = chunk.tokens();
        // A request asks for one choice; a peer that sends more is heard on the first.
        for choice in chunk.choices.into_iter().filter(|choice| choice.index == 0) {
            let finish_reason = choice.finish_reason().filter(|reason| reason != FAILED);
            self.take_delta(choice.said(), deltas)?;
            if let Some(reason) = finish_reason.filter(|_| !self.is_finished) {
                self.is_finished = true;
                self.end(deltas);
                // Some peers call tools and say that they are done.
                let calls_tools = self.has_called && reason == DONE;
                deltas.push_back(ChatDelta::Finished(if calls_tools { CALLS_TOOLS.to_owned() } else { reason }));
            }
        }
        deltas.extend(tokens.map(ChatDelta::Usage));
        Ok(())
    }

    /// Gives out what is complete at the end: the tool calls, and what waited for another half.
    pub(super) fn end(&mut self, deltas: &mut VecDeque<ChatDelta>) {
        let reasoning = json::joined(std::mem::take(&mut self.half_reasoning));
        let text = json::joined(std::mem::take(&mut self.half_text));
        push_texts(reasoning, text, deltas);
        self.has_called |= !self.calls.is_empty();
        deltas.extend(self.calls.drain(..).map(|(_, call)| ChatDelta::ToolCall(whole(call))));
    }

    fn take_delta(&mut self, mut delta: Delta, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        let reasoning = delta.reasoning() + &thoughts(&delta.content);
        let reasoning = json::flow(&mut self.half_reasoning, &reasoning);
        let text = json::flow(&mut self.half_text, &(text(&delta.content) + &text(&delta.refusal)));
        push_texts(reasoning, text, deltas);
        let extra = joined(delta.take_extra());
        if !extra.is_empty() {
            deltas.push_back(ChatDelta::Extra(extra));
        }
        let old_call = delta.function_call.filter(|_| delta.tool_calls.is_empty());
        let old_call = old_call.map(|function| ToolCallPiece { function, ..ToolCallPiece::default() });
        delta.tool_calls.into_iter().chain(old_call).try_for_each(|piece| self.take_piece(piece))
    }

    fn take_piece(&mut self, piece: ToolCallPiece) -> Result<(), TooManyToolCalls> {
        let arguments = match &piece.function.arguments {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        self.argument_bytes += arguments.len() + serde_json::to_string(&piece.extra).map_or(0, |extra| extra.len());
        // A new call begins with a new id, be its index that of another, and without ids where the call before is
        // complete. Anything else goes on with the last call of its index, or without one with the last of all.
        let position = match piece.index {
            Some(index) => self.calls.iter().rposition(|(known, _)| *known == Some(index)),
            None => self.calls.len().checked_sub(1),
        };
        let position = position.filter(|position| {
            let known = &self.calls[*position].1;
            match (piece.id.as_str(), known.id.as_str()) {
                ("", _) => !(is_complete(&known.arguments) && !piece.function.name.is_empty() && !arguments.is_empty()),
                (_, "") => true,
                (id, known) => id == known,
            }
        });
        if self.argument_bytes > MAX_ARGUMENT_BYTES || (position.is_none() && self.calls.len() >= MAX_TOOL_CALLS) {
            return Err(TooManyToolCalls);
        }
        let position = position.unwrap_or_else(|| {
            self.calls.push((piece.index, ToolCall::default()));
            self.calls.len() - 1
        });
        let (_, call) = &mut self.calls[position];
        if call.id.is_empty() {
            call.id = piece.id;
        }
        // Some peers repeat the name with every piece.
        if call.name.is_empty() {
            call.name = piece.function.name;
        }
        call.arguments.push_str(&arguments);
        merge(&mut call.extra, piece.extra);
        Ok(())
    }
}

fn push_texts(reasoning: String, text: String, deltas: &mut VecDeque<ChatDelta>) {
    deltas.extend(Some(reasoning).filter(|text| !text.is_empty()).map(ChatDelta::Reasoning));
    deltas.extend(Some(text).filter(|text| !text.is_empty()).map(ChatDelta::Text));
}

/// A call as it is given out, with an id by which its result can be told.
fn whole(call: ToolCall) -> ToolCall {
    let ToolCall { id, name, arguments, extra } = call;
    let id =
        if id.is_empty() { Alphanumeric.sample_string(&mut rand::rng(), MADE_ID_LENGTH) } else { json::joined(id) };
    ToolCall { id, name: json::joined(name), arguments: json::joined(arguments), extra: joined(extra) }
}

/// Whether arguments are whole JSON, so that nothing can follow them.
fn is_complete(arguments: &str) -> bool {
    arguments.ends_with('}') && serde_json::from_str::<IgnoredAny>(arguments).is_ok()
}

fn joined(mut fields: Extra) -> Extra {
    fields.values_mut().for_each(json::join_all);
    fields
}

/// Puts further fields of a call to those of the pieces before: objects are merged, nothing is taken back.
fn merge(to: &mut Extra, more: Extra) {
    for (name, value) in more.into_iter().filter(|(_, value)| is_something(value)) {
        match (to.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => merge(known, more),
            (_, value) => drop(to.insert(name, value)),
        }
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
            let chunk: Value = json::read(chunk.as_bytes()).unwrap();
            assembler.take(serde_json::from_value(chunk).unwrap(), &mut deltas).unwrap();
        }
        assembler.end(&mut deltas);
        deltas.into()
    }

    fn called(id: &str, name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), ..ToolCall::default() }
    }

    fn call(id: &str, name: &str, arguments: &str) -> ChatDelta {
        ChatDelta::ToolCall(called(id, name, arguments))
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
    fn whole_calls_without_an_index_or_an_id_stay_apart() {
        let deltas = assemble(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"","function":{"name":"f","arguments":"{\"x\""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"","function":{"name":"f","arguments":":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"g","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
        ]);
        let [ChatDelta::ToolCall(one), ChatDelta::ToolCall(two), ChatDelta::Finished(reason)] = deltas.as_slice()
        else {
            panic!("two calls and their end: {deltas:?}")
        };
        assert_eq!((one.arguments.as_str(), two.arguments.as_str()), ("{\"x\":1}", "{}"));
        assert!(one.id.len() == MADE_ID_LENGTH && two.id.len() == MADE_ID_LENGTH && one.id != two.id);
        assert_eq!(reason, "tool_calls");
    }

    #[test]
    fn a_function_call_of_before_tools_is_a_tool_call() {
        let deltas = assemble(&[
            r#"{"choices":[{"delta":{"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}}}]}"#,
            r#"{"choices":[{"delta":{"function_call":{"arguments":"{\"x\":"}}}]}"#,
            r#"{"choices":[{"delta":{"function_call":{"arguments":"1}"}}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"function_call"}]}"#,
        ]);
        let [ChatDelta::ToolCall(call), ChatDelta::Finished(reason)] = deltas.as_slice() else { panic!("{deltas:?}") };
        assert_eq!((call.name.as_str(), call.arguments.as_str(), reason.as_str()), ("f", "{\"x\":1}", "tool_calls"));
    }

    #[test]
    fn what_stands_beside_a_call_is_merged_and_never_taken_back() {
        let deltas = assemble(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"extra_content":{"google":{"more":[1]},"x":"y"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":null,"extra_content":null}]},"finish_reason":"tool_calls"}]}"#,
        ]);
        let extra =
            serde_json::json!({ "extra_content": { "google": { "thought_signature": "s", "more": [1] }, "x": "y" } });
        let expected = ToolCall { extra: extra.as_object().cloned().unwrap(), ..called("a", "f", "{}") };
        assert_eq!(deltas[0], ChatDelta::ToolCall(expected));
    }

    #[test]
    fn further_fields_of_a_piece_are_handed_on_and_what_only_describes_it_is_not() {
        let deltas = assemble(&[
            r#"{"choices":[{"delta":{"role":"assistant","content":"a","reasoning":"hm","reasoning_details":[{"type":"reasoning.encrypted","data":"s"}],"annotations":[],"audio":{"id":"x"},"channel":"final","token_id":-1,"name":null}}]}"#,
            r#"{"choices":[{"message":{"content":"b","thinking_blocks":[{"signature":"\ud83c"}]}}]}"#,
        ]);
        let extra = |fields: Value| ChatDelta::Extra(fields.as_object().cloned().unwrap());
        assert_eq!(
            deltas,
            [
                ChatDelta::Reasoning("hm".into()),
                ChatDelta::Text("a".into()),
                extra(serde_json::json!({ "reasoning_details": [{ "type": "reasoning.encrypted", "data": "s" }] })),
                ChatDelta::Text("b".into()),
                extra(serde_json::json!({ "thinking_blocks": [{ "signature": "\u{fffd}" }] })),
            ]
        );
    }

    #[test]
    fn reasons_to_stop_that_are_no_words_say_that_the_model_stopped() {
        for (reason, expected) in [("1", "stop"), ("\"eos\"", "eos"), ("true", "stop"), ("{\"type\":\"x\"}", "stop")] {
            let chunk = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":{reason}}}]}}"#);
            assert_eq!(assemble(&[&chunk]), [ChatDelta::Finished(expected.into())], "{reason}");
        }
        for reason in ["null", "\"\"", "0", "[]", "\"error\""] {
            let chunk = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":{reason}}}]}}"#);
            assert_eq!(assemble(&[&chunk]), [], "{reason}");
        }
    }

    #[test]
    fn usage_is_read_in_every_place() {
        let usage = |input, output, cached| {
            ChatDelta::Usage(TokenUsage {
                input_tokens: input,
                output_tokens: output,
                cached_input_tokens: cached,
                ..TokenUsage::default()
            })
        };
        let deltas = assemble(&[
            r#"{"choices":[],"x_groq":{"id":"r","usage":{"prompt_tokens":3,"completion_tokens":1}}}"#,
            r#"{"choices":[{"index":0,"delta":{},"usage":{"prompt_tokens":4.0,"completion_tokens":2}}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"prompt_cache_hit_tokens":2}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":"6"}}"#,
        ]);
        assert_eq!(deltas, [usage(3, 1, 0), usage(4, 2, 0), usage(5, 3, 2)]);
    }

    #[test]
    fn a_choice_that_is_none_takes_no_other_with_it() {
        let deltas = assemble(&[
            r#"{"choices":[null,7,{"delta":{"content":"a","tool_calls":[null,{"id":"c","function":{"name":"f","arguments":"{}"}}]}}]}"#,
        ]);
        assert_eq!(deltas, [ChatDelta::Text("a".into()), call("c", "f", "{}")]);
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
