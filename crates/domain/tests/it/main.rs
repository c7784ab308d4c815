//! What was stored once is read for ever: fixtures of every stored JSON format.

use domain::{
    admin::JobKind,
    conversations::{Parts, TurnEvent},
    gateways::ParsedDocument,
    knowledge::{Block, BlockKind},
};
use serde_json::Value;

#[test]
fn parts_of_messages_still_load() {
    let stored: Value =
        serde_json::from_str(include_str!("../../../../tests/stored_json/message_parts_v1.json")).unwrap();
    let parts = Parts::from_stored(stored.clone()).unwrap();
    assert_eq!(parts.0.len(), 8);
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

const TEXT: &str = "Figs\n\nThe banyan strangles its host.";

fn blocks(page: Option<u32>) -> Vec<Block> {
    let block = |kind, start, end| Block { kind, start, end, page };
    vec![block(BlockKind::Heading { level: 1 }, 0, 4), block(BlockKind::Paragraph, 6, 37)]
}

#[test]
fn parsed_documents_still_load() {
    let stored = include_str!("../../../../tests/stored_json/parsed_document_v1.json").trim_end();
    let wanted = ParsedDocument {
        text: TEXT.to_owned(),
        blocks: blocks(Some(1)),
        title: Some("Trees".to_owned()),
        page_count: Some(1),
        charset: None,
    };
    assert_eq!(ParsedDocument::from_stored(stored.as_bytes()).unwrap(), wanted);
    assert_eq!(String::from_utf8(wanted.to_stored().unwrap()).unwrap(), stored);
}

#[test]
fn parsed_documents_without_a_version_still_load() {
    let stored = include_bytes!("../../../../tests/stored_json/parsed_document_without_version.json");
    let found = ParsedDocument::from_stored(stored).unwrap();
    assert_eq!(
        (found.text.as_str(), &found.blocks[..2], found.title, found.page_count),
        (TEXT, &blocks(None)[..], None, None)
    );
    let kinds: Vec<_> = found.blocks[2..].iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [BlockKind::List, BlockKind::Table, BlockKind::Code]);
}

#[test]
fn a_parsed_document_of_a_newer_version_is_told() {
    let newer = include_bytes!("../../../../tests/stored_json/parsed_document_newer.json");
    let error = ParsedDocument::from_stored(newer).unwrap_err();
    assert_eq!(error.code, "unreadable");
    assert!(error.message.contains("the version 2") && error.message.contains("parse the file again"), "{error}");
    // Its fields may mean anything: they are not even looked at.
    let stranger = ParsedDocument::from_stored(b"{\"version\":3,\"text\":[]}").unwrap_err();
    assert!(stranger.message.contains("the version 3"), "{stranger}");
    for broken in ["", "{", "null", "{\"version\":\"1\"}", "{\"version\":1}", "{\"version\":0,\"text\":\"\"}"] {
        assert_eq!(ParsedDocument::from_stored(broken.as_bytes()).unwrap_err().code, "unreadable", "{broken}");
    }
}
