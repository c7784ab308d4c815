//! Requests that come twice, and heads that have moved.

use anyhow::Result;
use e2e::Response;
use infra_providers::scripted::Script;
use reqwest::Method;
use serde_json::json;

use crate::world::{Backend, PRICED, World, branch, conversation, deltas, on_each_backend, one, say};

on_each_backend!(a_repeated_request_has_one_effect, a_head_that_moved_is_refused);

async fn a_repeated_request_has_one_effect(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let keyed = |path: &str, key: &str, body: &serde_json::Value| {
        ada.request(Method::POST, path).header("idempotency-key", key).json(body)
    };
    let body = json!({ "title": "Once", "model": PRICED, "collection_ids": [] });
    let first = Response::of(keyed("/api/v1/conversations", "k-1", &body)).await?;
    let chat = crate::world::text(&first.expect(201)?["id"])?;
    assert_eq!(first.header("idempotent-replayed"), None);
    let second = Response::of(keyed("/api/v1/conversations", "k-1", &body)).await?;
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!((second.status, &second.body), (201, &first.body));
    let other = json!({ "title": "Twice" });
    Response::of(keyed("/api/v1/conversations", "k-1", &other)).await?.expect(422)?;
    assert_eq!(world.number("SELECT count(*) FROM conversations").await?, 1);

    // As ids, then as a stream: the repetition joins what the first began.
    world.upstream.push(Script::reply("only once"));
    let path = format!("/api/v1/conversations/{chat}/messages");
    let question = json!({ "content": "Hello?" });
    let sent = Response::of(keyed(&path, "k-2", &question)).await?;
    let opened = sent.expect(202)?;
    let repeated = Response::of(keyed(&path, "k-2", &question)).await?;
    assert_eq!((repeated.status, &repeated.body), (202, &sent.body));
    let streamed = Response::of(keyed(&path, "k-2", &question).header("accept", "text/event-stream")).await?;
    assert_eq!((streamed.status, streamed.header("idempotent-replayed")), (200, Some("true")));
    let lines = streamed.text();
    assert!(lines.contains("only") && lines.contains("event: turn.completed"), "{lines}");
    assert!(lines.contains(opened["stream_ids"][0].as_str().unwrap_or("no stream")), "{lines}");
    assert_eq!(branch(&ada, &chat).await?.len(), 2);
    assert_eq!(world.upstream.requests().len(), 1);
    assert_eq!(world.usage_rows().await?, 1);
    Ok(())
}

async fn a_head_that_moved_is_refused(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let shown = ada.get(&format!("/api/v1/conversations/{chat}")).await?;
    let etag = shown.header("etag").map(str::to_owned);
    let before = shown.expect(200)?["head_version"].clone();
    say(&ada, &chat, &json!({ "content": "Hello?" })).await?;
    let old = etag.unwrap_or_else(|| format!("\"{before}\""));
    let path = format!("/api/v1/conversations/{chat}/messages");
    let late =
        |value: &str| ada.request(Method::POST, &path).header("if-match", value).json(&json!({ "content": "Late." }));
    Response::of(late(&old)).await?.expect(412)?;
    assert_eq!(world.number("SELECT count(*) FROM messages").await?, 2);
    let now = ada.get(&format!("/api/v1/conversations/{chat}")).await?;
    let now = match now.header("etag") {
        Some(etag) => etag.to_owned(),
        None => format!("\"{}\"", now.json()?["head_version"]),
    };
    Response::of(late(&now)).await?.expect(202)?;

    // A stream that is read again from each of its places gives the same text.
    let events = say(
        &ada,
        &conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?,
        &json!({
        "content": "Again?" }),
    )
    .await?;
    let stream = crate::world::text(&one(&events, "turn.started")?["stream_id"])?;
    // Behind the last event there is still the last one, for whoever saw what a crash took back.
    for after in 0..events.len() {
        let path = format!("/api/v1/streams/{stream}/events");
        let rest = if after % 2 == 0 {
            ada.get_stream(&format!("{path}?after={after}")).await?.rest().await?
        } else {
            let request = ada.request(Method::GET, &path).header("last-event-id", after.to_string());
            let text = Response::of(request).await?.text();
            assert_eq!(
                text.matches("\nevent: ").count() + usize::from(text.starts_with("event: ")),
                events.len() - after
            );
            continue;
        };
        assert_eq!([&events[..after], &rest[..]].concat(), events, "after {after}");
        assert_eq!(deltas(&events[..after])? + &deltas(&rest)?, deltas(&events)?);
    }
    Ok(())
}
