//! Which links and pictures of an answer reach its readers as live ones.
//!
//! A passage of a document can tell the model to write `![](https://elsewhere/?q=…)` with what it was told in
//! confidence: whoever draws the picture has sent it. So an answer is filtered on its way to its readers, and what
//! they get is what is stored. In a grounded answer no address is live but those that the user wrote, letter for
//! letter. In any other, links stay, as they wait for a click; what loads by itself does not: pictures of Markdown, and
//! what attributes of HTML name that are no link's `href`.
//!
//! The filter puts spaces in and takes nothing away: an address that is not live is there to be read. It looks for
//! what Markdown with its usual extensions, and HTML, take for an address, in a grounded answer also in code: nobody can
//! tell from a part of an answer what a reader's program will take for code, but for plain fenced blocks, which are left
//! as they are in other answers. Where it cannot know, it takes it for an address.

use std::{mem, sync::Arc};

use serde_json::Value;

use self::{
    own::{Found, Place},
    seen::Seen,
};
use crate::gateways::{AnswerExtra, ChatDelta};

mod code;
mod own;
mod seen;

pub use own::OwnAddresses;

/// Most bytes between the opening of a link and its destination, as far as they are waited for.
const MAX_GAP: usize = 64;
/// Most bytes in which a destination names its scheme.
const MAX_SCHEME: usize = 64;

/// Filters an answer: its text and its reasoning, each of which is read as a whole.
#[derive(Debug, Default)]
pub struct AnswerLinks {
    text: LinkFilter,
    reasoning: LinkFilter,
}

impl AnswerLinks {
    /// For an answer to a user who wrote these addresses. It is grounded where passages, or what tools returned, went
    /// into its prompt.
    #[must_use]
    pub fn new(own: OwnAddresses, is_grounded: bool) -> Self {
        let own = Arc::new(own);
        let filter = || LinkFilter::new(Arc::clone(&own), is_grounded);
        Self { text: filter(), reasoning: filter() }
    }

    /// What readers get of the next delta, and of what was held back before it.
    pub fn pass(&mut self, delta: ChatDelta) -> Vec<ChatDelta> {
        match delta {
            ChatDelta::Text(text) => {
                told([ChatDelta::Reasoning(self.reasoning.end()), ChatDelta::Text(self.text.push(&text))])
            }
            ChatDelta::Reasoning(text) => {
                told([ChatDelta::Text(self.text.end()), ChatDelta::Reasoning(self.reasoning.push(&text))])
            }
            ChatDelta::ToolCall(call) => {
                let mut deltas = self.end();
                deltas.push(ChatDelta::ToolCall(call));
                deltas
            }
            ChatDelta::Extra(extra) => {
                let told = self.without_addresses(extra);
                Some(told).filter(|told| !told.is_empty()).map(ChatDelta::Extra).into_iter().collect()
            }
            ChatDelta::Finished(_) | ChatDelta::Usage(_) | ChatDelta::UsageOutdated => vec![delta],
        }
    }

    /// The fields in which no text holds what is not to be live: a list of addresses or a signature has no use with a
    /// space in it, so such a field is left out as a whole.
    fn without_addresses(&self, mut extra: AnswerExtra) -> AnswerExtra {
        for fields in [&mut extra.message, &mut extra.choice, &mut extra.answer] {
            fields.retain(|name, value| self.text.lets_text(name) && self.text.lets(value));
        }
        extra
    }

    /// What is held back, at the end of the answer, however it came.
    pub fn end(&mut self) -> Vec<ChatDelta> {
        told([ChatDelta::Text(self.text.end()), ChatDelta::Reasoning(self.reasoning.end())])
    }
}

/// Those that say something.
fn told(deltas: [ChatDelta; 2]) -> Vec<ChatDelta> {
    let says = |delta: &ChatDelta| match delta {
        ChatDelta::Text(text) | ChatDelta::Reasoning(text) => !text.is_empty(),
        _ => true,
    };
    deltas.into_iter().filter(says).collect()
}

/// Filters a text that comes in pieces. Where it is cut changes nothing of what comes out.
#[derive(Debug)]
struct LinkFilter {
    own: Arc<OwnAddresses>,
    is_grounded: bool,
    /// What may become an address, and is told when that is known.
    held: String,
    seen: Seen,
}

impl Default for LinkFilter {
    fn default() -> Self {
        Self::new(Arc::default(), false)
    }
}

/// What becomes of the next bytes.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// They get a space before this one.
    space_at: Option<usize>,
    len: usize,
}

impl Step {
    const fn whole(len: usize) -> Self {
        Self { space_at: None, len }
    }

    const fn broken(space_at: usize, len: usize) -> Self {
        Self { space_at: Some(space_at), len }
    }
}

impl LinkFilter {
    fn new(own: Arc<OwnAddresses>, is_grounded: bool) -> Self {
        Self { own, is_grounded, held: String::new(), seen: Seen::new(!is_grounded) }
    }

    /// Whether every text of a value may be told as it is.
    fn lets(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.lets_text(text),
            Value::Array(items) => items.iter().all(|item| self.lets(item)),
            Value::Object(fields) => fields.iter().all(|(name, value)| self.lets_text(name) && self.lets(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => true,
        }
    }

    fn lets_text(&self, text: &str) -> bool {
        let mut alone = Self::new(Arc::clone(&self.own), self.is_grounded);
        alone.push(text) + &alone.end() == text
    }

    /// Takes a piece, and returns what is known of it.
    fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        self.pass(false)
    }

    /// Returns what was held back. A later piece goes on behind it.
    fn end(&mut self) -> String {
        self.pass(true)
    }

    fn pass(&mut self, is_end: bool) -> String {
        let text = mem::take(&mut self.held);
        let mut told = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let step = match self.step(first, rest, is_end) {
                Some(step) => step,
                // What could still become live does not, whatever follows.
                None if is_end => Step::broken(0, first.len_utf8()),
                None => {
                    rest.clone_into(&mut self.held);
                    break;
                }
            };
            let (taken, later) = rest.split_at(step.len);
            let (before, after) = taken.split_at(step.space_at.unwrap_or(step.len));
            told.push_str(before);
            if step.space_at.is_some() {
                told.push(' ');
            }
            told.push_str(after);
            taken.chars().for_each(|char| self.seen.note(char));
            rest = later;
        }
        told
    }

    /// What becomes of the text that begins with `first`; `None` where it depends on what follows.
    fn step(&self, first: char, rest: &str, is_end: bool) -> Option<Step> {
        let (seen, broken) = (&self.seen, Some(Step::broken(0, 1)));
        match first {
            _ if seen.is_in_code() => Some(Step::whole(first.len_utf8())),
            '(' if seen.ends_with("]") && (self.is_grounded || seen.has_picture()) => self.destination(rest, is_end),
            ':' if seen.ends_with("]") && seen.has_label() => self.destination(rest, is_end),
            _ if seen.is_loading(first) => broken,
            _ if !self.is_grounded && !seen.loads() => Some(Step::whole(first.len_utf8())),
            ':' if seen.is_in_value() || seen.is_in_autolink() => broken,
            '/' | '\\' if seen.is_after_slash_in_value() => broken,
            '&' | '\\' if seen.is_in_value() => Some(Step::broken(1, 1)),
            '\\' if seen.scheme().is_some() || seen.is_www() => broken,
            '#' if seen.ends_with("&") => broken,
            ';' if seen.is_in_reference() => broken,
            ':' => self.colon(rest, is_end),
            '.' if seen.is_www() => self.address("www", rest, Step::broken(0, 1), is_end),
            _ => Some(Step::whole(first.len_utf8())),
        }
    }

    /// A colon: that of an address of the web, perhaps.
    fn colon(&self, rest: &str, is_end: bool) -> Option<Step> {
        let Some(scheme) = self.seen.scheme() else { return Some(Step::whole(1)) };
        let mut after = rest.chars().skip(1);
        match (after.next(), after.next()) {
            (None, _) | (Some('/'), None) => None,
            (Some('/'), Some('/')) => self.address(scheme, rest, Step::broken(2, 3), is_end),
            (Some('/' | '\\'), _) => Some(Step::broken(1, 1)),
            _ => Some(Step::whole(1)),
        }
    }

    /// An address that stands by itself and began with `begin`: whole if it is the user's own.
    fn address(&self, begin: &str, rest: &str, broken: Step, is_end: bool) -> Option<Step> {
        let mut found = self.own.find(begin, rest, Place::Text, is_end);
        if self.seen.is_pointed(begin) {
            // The bracket may be a mark of the text all the same.
            found = found.and(self.own.find(begin, rest, Place::Pointed, is_end));
        }
        match found {
            Found::Whole(len) => Some(Step::whole(len)),
            Found::Open => None,
            Found::Foreign => Some(broken),
        }
    }

    /// The first character after the brackets of a link, a picture or a definition, before its destination.
    fn destination(&self, rest: &str, is_end: bool) -> Option<Step> {
        // A destination on the next line may have a quotation's mark before it.
        let inner = rest[1..].trim_start_matches(|char: char| char.is_whitespace() || char == '>');
        let pointed = inner.strip_prefix('<').map(str::trim_start);
        let destination = pointed.unwrap_or(inner);
        let begin = rest.len() - destination.len();
        if begin > MAX_GAP {
            return Some(Step::broken(0, 1));
        }
        if !leads_outside(destination, pointed.is_some())? {
            return Some(Step::whole(1));
        }
        let place = match (pointed, rest.starts_with('(')) {
            (Some(_), _) => Place::Pointed,
            (None, true) => Place::Destination,
            (None, false) => Place::Definition,
        };
        // The brackets may be marks of the text all the same.
        let as_text = self.own.find("", destination, Place::Text, is_end);
        match as_text.and(self.own.find("", destination, place, is_end)) {
            Found::Whole(len) => Some(Step::whole(begin + len)),
            Found::Open => None,
            Found::Foreign => Some(Step::broken(0, 1)),
        }
    }
}

/// Whether a destination may lead elsewhere: it names a scheme or a host, or hides what it names behind an escape
/// or a character reference. `None` where it is not yet known.
fn leads_outside(destination: &str, is_pointed: bool) -> Option<bool> {
    for (at, char) in destination.char_indices() {
        let next = destination[at + char.len_utf8()..].chars().next();
        match char {
            ':' => match next? {
                next if !is_pointed && (next.is_whitespace() || next == ')') => {}
                _ => return Some(true),
            },
            '/' if at == 0 => {
                let next = next?;
                return Some(matches!(next, '/' | '\\' | '&') || next.is_control());
            }
            '\\' | '&' => return Some(true),
            '/' | '?' | '#' | ')' | '>' => return Some(false),
            _ if char.is_whitespace() && !is_pointed => return Some(false),
            _ if char.is_control() => return Some(true),
            _ if at > MAX_SCHEME => return Some(false),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
