//! Tool calls, put together from the pieces in which peers send them.

use domain::gateways::{Extra, ToolCall};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::Value;

use super::{complaint::is_something, json, wire::ToolCallPiece};

/// Most tool calls of one answer.
pub(super) const MAX_TOOL_CALLS: usize = 128;
/// Most bytes of the arguments of all tool calls of one answer, and of what stands beside them.
pub(super) const MAX_ARGUMENT_BYTES: usize = 1024 * 1024;
/// Length of an id that is made for a call without one: what Mistral demands of ids that it gets back.
pub(super) const MADE_ID_LENGTH: usize = 9;

/// An answer with more tool calls, or longer ones, than one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an answer has at most {MAX_TOOL_CALLS} tool calls with {MAX_ARGUMENT_BYTES} bytes of arguments")]
pub(super) struct TooManyToolCalls;

/// The tool calls of one answer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<usize>,
    call: ToolCall,
    object: Object,
    /// Given out: what comes of it later can only be a repetition.
    is_given: bool,
}

impl Calls {
    /// Takes a piece in. In a message it may hold all of the call so far.
    pub(super) fn take(&mut self, mut piece: ToolCallPiece, is_so_far: bool) -> Result<(), TooManyToolCalls> {
        let arguments = match &piece.function.arguments {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        self.bytes += arguments.len() + serde_json::to_string(&piece.extra).map_or(0, |extra| extra.len());
        let position = self.position(&piece, &arguments);
        if self.bytes > MAX_ARGUMENT_BYTES || (position.is_none() && self.calls.len() >= MAX_TOOL_CALLS) {
            return Err(TooManyToolCalls);
        }
        let position = position.unwrap_or_else(|| {
            self.calls.push(Call { index: piece.index, ..Call::default() });
            self.calls.len() - 1
        });
        let Call { call, object, is_given, .. } = &mut self.calls[position];
        if *is_given {
            return Ok(());
        }
        // Some begin with no arguments as an object, and tell them behind it.
        if object.is_closed && call.arguments == "{}" && arguments.starts_with('{') {
            call.arguments.clear();
            *object = Object::default();
        }
        // A call that is told once more as a whole has its arguments already.
        let is_repeated = object.is_closed && arguments == call.arguments;
        let more = arguments.strip_prefix(call.arguments.as_str()).filter(|_| is_so_far);
        let arguments = if is_repeated { "" } else { more.unwrap_or(&arguments) };
        if call.id.is_empty() {
            call.id = piece.id;
        }
        join_name(&mut call.name, &piece.function.name, call.arguments.is_empty());
        object.take(arguments);
        call.arguments.push_str(arguments);
        join_input(&mut call.extra, &mut piece.extra);
        merge(&mut call.extra, piece.extra);
        Ok(())
    }

    /// Gives out the calls that have not been.
    pub(super) fn give_out(&mut self) -> impl Iterator<Item = ToolCall> + '_ {
        self.calls.iter_mut().filter(|call| !call.is_given).map(|call| {
            call.is_given = true;
            whole(call.call.clone())
        })
    }

    /// The call that a piece belongs to; `None`: it begins one.
    // Peers name a call by its index, by its id, by both or by neither, and some give each piece an id of its own. A known
    // id decides, where the index does not speak against it. Else the piece belongs to the last call of its index,
    // without one to the last of all, unless it begins something: with an id of its own and a name, or with a name where
    // that call is complete.
    fn position(&self, piece: &ToolCallPiece, arguments: &str) -> Option<usize> {
        let has_name = piece.has_name();
        let same_index = |call: &Call| piece.index.is_none() || call.index.is_none() || call.index == piece.index;
        if !piece.id.is_empty()
            && let Some(known) = self.calls.iter().rposition(|call| call.call.id == piece.id && same_index(call))
        {
            let Call { call, object, .. } = &self.calls[known];
            let is_another = object.is_closed && has_name && !arguments.is_empty() && arguments != call.arguments;
            return Some(known).filter(|_| !is_another);
        }
        let last = match piece.index {
            Some(index) => self.calls.iter().rposition(|call| call.index == Some(index)),
            None => self.calls.len().checked_sub(1),
        }?;
        let Call { call, object, .. } = &self.calls[last];
        let goes_on = match (piece.id.as_str(), call.id.as_str()) {
            ("", _) => {
                let is_other = has_name && piece.function.name != call.name;
                let is_behind = object.is_closed && has_name && (is_other || !arguments.is_empty());
                let is_beside = is_other && piece.index.is_none() && call.arguments.is_empty();
                !(is_behind || is_beside)
            }
            (_, "") => !(object.is_closed && has_name),
            _ => !has_name && !object.is_closed,
        };
        goes_on.then_some(last)
    }
}

/// Whether the object that begins with a call's arguments is closed, so that nothing can follow it; read as it comes.
#[derive(Debug, Default)]
struct Object {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    is_closed: bool,
}

impl Object {
    fn take(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                b'{' | b'[' if !self.in_text => self.depth += 1,
                b'}' | b']' if !self.in_text => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_closed |= self.depth == 0;
                }
                _ => {}
            }
        }
    }
}

/// Puts a piece of a name to what came before it. Some peers repeat the name with every piece, some all of it so far; one
/// that is cut comes before the arguments.
fn join_name(name: &mut String, piece: &str, may_be_cut: bool) {
    if name.is_empty() || (may_be_cut && piece.starts_with(name.as_str())) {
        piece.clone_into(name);
    } else if may_be_cut && *name != piece {
        name.push_str(piece);
    }
}

/// A call as it is given out, with an id by which its result can be told.
fn whole(call: ToolCall) -> ToolCall {
    let ToolCall { id, mut name, mut arguments, mut extra } = call;
    let custom = |field| Some(extra.get("custom")?.get(field)?.as_str()?.to_owned());
    if let (true, Some(input)) = (arguments.is_empty(), custom("input")) {
        (name, arguments) = (custom("name").unwrap_or_default(), input);
    }
    let id =
        if id.is_empty() { Alphanumeric.sample_string(&mut rand::rng(), MADE_ID_LENGTH) } else { json::joined(id) };
    extra.values_mut().for_each(json::join_all);
    ToolCall { id, name: json::joined(name), arguments: json::joined(arguments), extra }
}

/// Puts a piece of a custom call's input to those before: it is a text, as arguments are, and stands among the further
/// fields.
fn join_input(to: &mut Extra, more: &mut Extra) {
    let known = to.get_mut("custom").and_then(|custom| custom.get_mut("input"));
    let piece = more.get_mut("custom").and_then(Value::as_object_mut);
    if let (Some(Value::String(known)), Some(piece)) = (known, piece)
        && let Some(Value::String(input)) = piece.remove("input")
    {
        known.push_str(&input);
    }
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
