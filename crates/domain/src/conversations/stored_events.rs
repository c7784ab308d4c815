//! The stored form of the events that one append writes: neighbouring pieces of a text joined, with the
//! length of each, so that an answer costs a row for each flush and not one for each token.
//!
//! It is JSON, one list for a row: `[{"type": "text.delta", "text": "Hello", "lengths": [3, 2]}, …]`. The
//! number of the first event stands beside it, and those behind it count up. What an earlier version
//! wrote, one event without a list, is read as the one that it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    conversations::{StreamEvent, TurnEvent},
    error::ValueError,
};

/// An event, or several pieces of one text.
#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    event: TurnEvent,
    /// Bytes of UTF-8 of each piece; empty where there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lengths: Vec<usize>,
}

/// The events of one append in the form in which they are stored.
///
/// # Errors
/// When JSON cannot hold them, which no event gives cause for.
pub fn to_stored(events: &[StreamEvent]) -> Result<Value, serde_json::Error> {
    let mut entries: Vec<Entry> = Vec::new();
    for StreamEvent { event, .. } in events {
        match entries.last_mut().and_then(|last| joined(last, event)) {
            Some(()) => {}
            None => entries.push(Entry { event: event.clone(), lengths: Vec::new() }),
        }
    }
    serde_json::to_value(entries)
}

/// Puts a piece behind the text of the last entry, if it is one of the same kind.
fn joined(last: &mut Entry, event: &TurnEvent) -> Option<()> {
    let (text, piece) = match (&mut last.event, event) {
        (TurnEvent::TextDelta { text }, TurnEvent::TextDelta { text: piece })
        | (TurnEvent::ReasoningDelta { text }, TurnEvent::ReasoningDelta { text: piece }) => (text, piece),
        _ => return None,
    };
    if last.lengths.is_empty() {
        last.lengths.push(text.len());
    }
    text.push_str(piece);
    last.lengths.push(piece.len());
    Some(())
}

/// The events of a row whose first one has this number.
///
/// # Errors
/// [`ValueError`] for what is not in the form that [`to_stored`] gives.
pub fn from_stored(first: i64, stored: Value) -> Result<Vec<StreamEvent>, ValueError> {
    let unreadable = |message: String| ValueError::new("stream_events.data", "unreadable", message);
    let stored = if stored.is_array() { stored } else { Value::Array(vec![stored]) };
    let entries: Vec<Entry> = serde_json::from_value(stored).map_err(|error| unreadable(error.to_string()))?;
    let mut events = Vec::with_capacity(entries.len());
    for Entry { event, lengths } in entries {
        let (text, piece): (String, fn(String) -> TurnEvent) = match event {
            TurnEvent::TextDelta { text } if !lengths.is_empty() => (text, |text| TurnEvent::TextDelta { text }),
            TurnEvent::ReasoningDelta { text } if !lengths.is_empty() => {
                (text, |text| TurnEvent::ReasoningDelta { text })
            }
            event => {
                events.push(event);
                continue;
            }
        };
        let pieces = pieces(&text, &lengths).ok_or_else(|| unreadable("lengths do not fit".to_owned()))?;
        events.extend(pieces.into_iter().map(piece));
    }
    Ok((first..).zip(events).map(|(number, event)| StreamEvent { number, event }).collect())
}

/// The pieces of a text with these lengths, if they are all of it.
fn pieces(text: &str, lengths: &[usize]) -> Option<Vec<String>> {
    let mut rest = text;
    let mut pieces = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (piece, behind) = rest.split_at_checked(*length)?;
        pieces.push(piece.to_owned());
        rest = behind;
    }
    rest.is_empty().then_some(pieces)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> TurnEvent {
        TurnEvent::TextDelta { text: text.to_owned() }
    }

    fn reasoning(text: &str) -> TurnEvent {
        TurnEvent::ReasoningDelta { text: text.to_owned() }
    }

    fn numbered(first: i64, events: impl IntoIterator<Item = TurnEvent>) -> Vec<StreamEvent> {
        (first..).zip(events).map(|(number, event)| StreamEvent { number, event }).collect()
    }

    #[test]
    fn neighbouring_pieces_share_an_entry_and_come_back_one_by_one() {
        let all = [reasoning("hm"), text("a"), text(""), text("🦀b"), TurnEvent::TurnStopped {}, text("c")];
        let events = numbered(7, all);
        let stored = to_stored(&events).unwrap();
        let expected = json!([
            { "type": "reasoning.delta", "text": "hm" },
            { "type": "text.delta", "text": "a🦀b", "lengths": [1, 0, 5] },
            { "type": "turn.stopped" },
            { "type": "text.delta", "text": "c" },
        ]);
        assert_eq!(stored, expected);
        assert_eq!(from_stored(7, stored).unwrap(), events);
        assert_eq!(to_stored(&[]).unwrap(), json!([]));
    }

    #[test]
    fn an_event_without_a_list_is_read() {
        let stored = json!({ "type": "text.delta", "text": "Hi" });
        assert_eq!(from_stored(3, stored).unwrap(), numbered(3, [text("Hi")]));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for lengths in [json!([1]), json!([1, 5]), json!([2, 1, 1]), json!([u64::MAX])] {
            let stored = json!([{ "type": "text.delta", "text": "a🦀", "lengths": lengths }]);
            assert!(from_stored(1, stored).is_err(), "{lengths}");
        }
    }
}
