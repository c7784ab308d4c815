use domain::{
    clock::Timestamp,
    conversations::{StreamState, TurnEvent},
};
use uuid::Uuid;

use super::*;

fn stream() -> Stream {
    let id = Uuid::nil();
    Stream {
        id: id.into(),
        tenant_id: id.into(),
        conversation_id: id.into(),
        message_id: id.into(),
        user_id: id.into(),
        api_key_id: None,
        request_id: id.into(),
        estimated_input_tokens: None,
        state: StreamState::Running,
        epoch: 1,
        lease_expires_at: Timestamp::default(),
        last_event: 0,
        stop_requested_at: None,
        created_at: Timestamp::default(),
        ended_at: None,
        updated_at: Timestamp::default(),
    }
}

#[test]
fn a_slow_reader_holds_little_and_misses_nothing() {
    let guard = LiveStreams::default().open(stream());
    // Pieces of all sizes, some of which are more than a reader takes at once.
    let sizes = (0..2_000).map(|number: usize| if number.is_multiple_of(97) { 3 * READ_BYTES } else { number % 300 });
    let event = |(number, size): (i64, usize)| {
        let event = TurnEvent::TextDelta { text: "x".repeat(size) };
        StreamEvent { number, event }
    };
    let all: Vec<StreamEvent> = (1..).zip(sizes).map(event).collect();
    guard.live.push(&all);
    let bytes = |events: &[StreamEvent]| -> usize {
        events.iter().map(|event| event.event.text_bytes() + mem::size_of::<StreamEvent>()).sum()
    };
    let mut read: Vec<StreamEvent> = Vec::new();
    loop {
        let some = guard.live.some_after(read.last().map_or(0, |last| last.number));
        let Some((_, before_last)) = some.split_last() else { break };
        assert!(bytes(before_last) < READ_BYTES, "{} bytes at once", bytes(&some));
        read.extend(some);
    }
    assert_eq!(read, all);
}
