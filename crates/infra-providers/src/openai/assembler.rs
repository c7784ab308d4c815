//! Puts deltas together from the chunks of a stream.

use std::collections::VecDeque;

use domain::{
    gateways::{ChatDelta, Extra},
    usage::TokenUsage,
};

use super::{
    calls::{Calls, TooManyToolCalls},
    json,
    wire::{CALLS_TOOLS, ChatChunk, DONE, Delta, FAILED, ToolCallPiece, text, thoughts},
};

/// The state of one answer.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    calls: Calls,
    has_called: bool,
    /// The choice that is heard: the first that came.
    choice: Option<u32>,
    /// Whether anything was said.
    has_spoken: bool,
    /// Why the model stopped, if it said so.
    reason: Option<String>,
    /// Tokens as they were told last.
    usage: TokenUsage,
    /// The first half of a character at the end of the text so far, and of the reasoning.
    half_text: String,
    half_reasoning: String,
}

impl Assembler {
    /// Whether the model said why it stopped.
    pub(super) const fn is_finished(&self) -> bool {
        self.reason.is_some()
    }

    /// Whether anything came of an answer: a word, a call, or a reason to stop.
    pub(super) const fn has_answered(&self) -> bool {
        self.has_spoken || self.reason.is_some()
    }

    /// Takes a chunk in.
    pub(super) fn take(&mut self, chunk: ChatChunk, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        let told = chunk.tokens();
        for choice in chunk.choices {
            // A request asks for one choice; a peer that sends more is heard on the first.
            if *self.choice.get_or_insert(choice.index) != choice.index {
                continue;
            }
            let finish_reason = choice.finish_reason().filter(|reason| reason != FAILED);
            self.take_delta(choice.said(), deltas)?;
            if let Some(reason) = finish_reason.filter(|_| self.reason.is_none()) {
                self.give_out(deltas);
                // Some peers call tools and say that they are done.
                let calls_tools = self.has_called && reason == DONE;
                let reason = if calls_tools { CALLS_TOOLS.to_owned() } else { reason };
                self.reason = Some(reason.clone());
                deltas.push_back(ChatDelta::Finished(reason));
            }
        }
        self.take_usage(told, deltas);
        Ok(())
    }

    /// Takes tokens that were told. Some peers end with zeros, which take nothing back.
    pub(super) fn take_usage(&mut self, told: Option<TokenUsage>, deltas: &mut VecDeque<ChatDelta>) {
        if let Some(usage) = told.filter(|usage| *usage != TokenUsage::default() || self.usage == *usage) {
            self.usage = usage;
            deltas.push_back(ChatDelta::Usage(usage));
        }
    }

    /// Gives out what is left at the end. Tools may be called behind the reason to stop, or without any.
    pub(super) fn end(&mut self, deltas: &mut VecDeque<ChatDelta>) {
        self.give_out(deltas);
        if self.has_called && self.reason.as_deref().is_none_or(|reason| reason == DONE) {
            self.reason = Some(CALLS_TOOLS.to_owned());
            deltas.push_back(ChatDelta::Finished(CALLS_TOOLS.to_owned()));
        }
    }

    /// Gives out the tool calls, and what waited for another half.
    fn give_out(&mut self, deltas: &mut VecDeque<ChatDelta>) {
        let reasoning = json::joined(std::mem::take(&mut self.half_reasoning));
        let text = json::joined(std::mem::take(&mut self.half_text));
        push_texts(reasoning, text, deltas);
        let before = deltas.len();
        deltas.extend(self.calls.give_out().map(ChatDelta::ToolCall));
        self.has_called |= deltas.len() > before;
    }

    fn take_delta(&mut self, mut delta: Delta, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        let reasoning = delta.reasoning() + &thoughts(&delta.content);
        let reasoning = json::flow(&mut self.half_reasoning, &reasoning);
        let text = json::flow(&mut self.half_text, &(text(&delta.content) + &text(&delta.refusal)));
        self.has_spoken |= !(reasoning.is_empty() && text.is_empty() && delta.tool_calls.is_empty());
        push_texts(reasoning, text, deltas);
        let extra = joined(delta.take_extra());
        if !extra.is_empty() {
            self.has_spoken = true;
            deltas.push_back(ChatDelta::Extra(extra));
        }
        let old_call = delta.function_call.filter(|_| delta.tool_calls.is_empty());
        let old_call = old_call.map(|function| ToolCallPiece { function, ..ToolCallPiece::default() });
        self.has_spoken |= old_call.is_some();
        delta.tool_calls.into_iter().chain(old_call).try_for_each(|piece| self.calls.take(piece))
    }
}

fn push_texts(reasoning: String, text: String, deltas: &mut VecDeque<ChatDelta>) {
    deltas.extend(Some(reasoning).filter(|text| !text.is_empty()).map(ChatDelta::Reasoning));
    deltas.extend(Some(text).filter(|text| !text.is_empty()).map(ChatDelta::Text));
}

fn joined(mut fields: Extra) -> Extra {
    fields.values_mut().for_each(json::join_all);
    fields
}

#[cfg(test)]
mod tests;
