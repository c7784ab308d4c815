//! Puts deltas together from the chunks of a stream.

use std::collections::VecDeque;

use domain::{
    gateways::{AnswerExtra, ChatDelta, Extra},
    usage::TokenUsage,
};

use super::{
    beside::Beside,
    calls::{Calls, TooManyToolCalls},
    json,
    so_far::SoFar,
    wire::{CALLS_TOOLS, ChatChunk, DONE, FAILED, Said, ToolCallPiece, text, thoughts},
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
    /// Whether anything was said in a delta.
    deltas_speak: bool,
    /// All that was said, for messages that repeat it.
    messages: SoFar,
    /// What was said beside the message.
    beside: Beside,
    /// Why the model stopped, if it said so.
    reason: Option<String>,
    /// Tokens as they were told last.
    usage: TokenUsage,
    /// Whether that count stands: nothing was said behind it.
    is_counted: bool,
    /// Whether anything was said that costs tokens, since they were told.
    said_more: bool,
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

    /// Takes a chunk in. What stands beside the message is told with the first word, and not before it: until
    /// then an error is told in place of the answer.
    pub(super) fn take(&mut self, chunk: ChatChunk, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        let before = deltas.len();
        let taken = self.take_chunk(chunk, deltas);
        if self.has_answered()
            && let Some(extra) = self.beside.give_out()
        {
            deltas.insert(before, ChatDelta::Extra(extra));
        }
        taken
    }

    fn take_chunk(&mut self, chunk: ChatChunk, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        let told = chunk.tokens();
        self.beside.take_of_chunk(chunk.beside);
        for mut choice in chunk.choices {
            // A request asks for one choice; a peer that sends more is heard on the first.
            if *self.choice.get_or_insert(choice.index) != choice.index {
                continue;
            }
            self.beside.take_of_choice(std::mem::take(&mut choice.beside));
            let finish_reason = choice.finish_reason().filter(|reason| reason != FAILED);
            let said = choice.said(self.deltas_speak);
            self.take_said(said, deltas)?;
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
        // Some peers count before they speak, and break off before they count again.
        if self.is_counted && self.said_more {
            self.is_counted = false;
            deltas.push_back(ChatDelta::UsageOutdated);
        }
        Ok(())
    }

    /// Takes tokens that were told. Some peers end with zeros, which take nothing back.
    pub(super) fn take_usage(&mut self, told: Option<TokenUsage>, deltas: &mut VecDeque<ChatDelta>) {
        let counts = |usage: &TokenUsage| {
            let takes_back = usage.output_tokens == 0 && self.usage.output_tokens > 0;
            !takes_back && (*usage != TokenUsage::default() || self.usage == *usage)
        };
        if let Some(usage) = told.filter(counts) {
            self.usage = usage;
            (self.is_counted, self.said_more) = (true, false);
            deltas.push_back(ChatDelta::Usage(usage));
        }
    }

    /// Gives out what is left at the end. Tools may be called behind the reason to stop, or without any.
    pub(super) fn end(&mut self, deltas: &mut VecDeque<ChatDelta>) {
        self.give_out(deltas);
        deltas.extend(self.beside.end().filter(|_| self.has_answered()).map(ChatDelta::Extra));
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

    fn take_said(&mut self, said: Said, deltas: &mut VecDeque<ChatDelta>) -> Result<(), TooManyToolCalls> {
        let (mut delta, is_message) = match said {
            Said::Delta(delta) => (delta, false),
            Said::Message(message) => (message, true),
        };
        let mut reasoning = delta.reasoning() + &thoughts(&delta.content);
        let mut words = text(&delta.content) + &text(&delta.refusal);
        let mut extra = joined(delta.take_extra());
        if is_message {
            reasoning = self.messages.reasoning(reasoning);
            words = self.messages.text(words);
            extra = self.messages.extra(extra);
        } else {
            self.messages.hear(&reasoning, &words);
        }
        let reasoning = json::flow(&mut self.half_reasoning, reasoning);
        let words = json::flow(&mut self.half_text, words);
        let calls = !delta.tool_calls.is_empty() || delta.function_call.is_some();
        let says = calls || !(reasoning.is_empty() && words.is_empty());
        let speaks = says || !extra.is_empty();
        // A message may tell the calls of the deltas again.
        self.said_more |= says && !(is_message && self.deltas_speak);
        self.has_spoken |= speaks;
        self.deltas_speak |= speaks && !is_message;
        push_texts(reasoning, words, deltas);
        if !extra.is_empty() {
            deltas.push_back(ChatDelta::Extra(AnswerExtra::of_message(extra)));
        }
        let old_call = delta.function_call.filter(|_| delta.tool_calls.is_empty());
        let old_call = old_call.map(|function| ToolCallPiece { function, ..ToolCallPiece::default() });
        delta.tool_calls.into_iter().chain(old_call).try_for_each(|piece| self.calls.take(piece, is_message))
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
