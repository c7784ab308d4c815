//! What was stored once is read for ever: fixtures of every stored JSON format.

use domain::{
    admin::JobKind,
    conversations::{Parts, TurnEvent},
};
use serde_json::Value;

#[test]
fn parts_of_messages_still_load() {
    let stored: Value =
        serde_json::from_str(include_str!("../../../../tests/stored_json/message_parts_v1.json")).unwrap();
    let parts = Parts::from_stored(stored.clone()).unwrap();
    assert_eq!(parts.0.len(), 7);
    assert_eq!(parts.to_stored(), stored);
    let unknown = serde_json::json!({ "version": 2, "parts": [] });
    assert_eq!(Parts::from_stored(unknown).unwrap_err().code, "unreadable");
}

#[test]
fn events_of_turns_still_load() {
    let stored = include_str!("../../../../tests/stored_json/turn_events_v1.json");
    let events: Vec<TurnEvent> = serde_json::from_str(stored).unwrap();
    assert_eq!(events.len(), 9);
    let names: Vec<Value> = serde_json::from_str(stored).unwrap();
    for (event, stored) in events.iter().zip(&names) {
        assert_eq!(stored["type"], event.name());
    }
}

#[test]
fn jobs_still_load() {
    let stored = include_str!("../../../../tests/stored_json/job_ingest_v1.json");
    let job: JobKind = serde_json::from_str(stored).unwrap();
    assert_eq!(serde_json::to_value(&job).unwrap(), serde_json::from_str::<Value>(stored).unwrap());
}
