//! The server is killed in the middle of things, started again, and nothing is lost.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::fixtures;
use infra_providers::scripted::Script;
use serde_json::json;

use crate::world::{
    Backend, PRICED, World, branch, collection, conversation, deltas, on_each_backend, one, say, settled, text,
    text_of, upload,
};

on_each_backend!(a_crash_loses_nothing);

async fn a_crash_loses_nothing(backend: Backend) -> Result<()> {
    let mut world = World::start(backend).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    world.upstream.push(Script::reply("before the crash"));
    say(&ada, &chat, &json!({ "content": "First?" })).await?;

    // Documents that were acknowledged, an upload that is on its way, and an answer that is written.
    let mut sources = Vec::new();
    for page in fixtures::documents(6)? {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        sources.push(upload(&ada, &docs, &name, &std::fs::read(&page)?).await?);
    }
    sources.push(upload(&ada, &docs, "manual.pdf", &std::fs::read(fixtures::pdf()?)?).await?);
    let words: Vec<String> = (0..600).map(|number| format!("word{number}")).collect();
    world.upstream.push(Script { chunk_delay: Duration::from_millis(50), ..Script::reply(words.join(" ")) });
    let path = format!("/api/v1/conversations/{chat}/messages");
    let mut stream = ada.post_stream(&path, &json!({ "content": "Second?" })).await?;
    let mut seen = stream.until("text.delta").await?;
    for _ in 0..20 {
        seen.extend(stream.next().await?);
    }
    let id = text(&one(&seen, "turn.started")?["stream_id"])?;
    let upload_path = format!("/api/v1/collections/{docs}/sources");
    let sending = tokio::spawn({
        let ada = ada.clone();
        async move { ada.upload(&upload_path, "large.txt", "text/plain", vec![b'a'; 60 << 20]).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.server.kill()?;
    let acknowledged = sending.await?.is_ok_and(|answer| answer.status == 202);
    world.server.restart().await?;

    let ada = world.admin()?;
    for source in &sources {
        let found = settled(&ada, source).await?;
        ensure!(found["status"] == "processed", "{found}");
    }
    let listed = ada.get(&format!("/api/v1/collections/{docs}/sources")).await?.expect(200)?;
    let wanted = sources.len() + usize::from(acknowledged);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(wanted));
    let places = "SELECT count(*) FROM (SELECT DISTINCT source_version_id, ordinal FROM chunks) AS places";
    assert_eq!(
        world.number("SELECT count(*) FROM chunks").await?,
        world.number(places).await?,
        "a passage is there twice"
    );

    // The answer says within half a minute that it broke off, with all that was shown of it.
    let rest = ada.get_stream(&format!("/api/v1/streams/{id}/events?after={}", seen.len())).await?;
    let rest = tokio::time::timeout(Duration::from_secs(30), { rest }.rest()).await??;
    assert_eq!(rest.last().map(|event| event.name.as_str()), Some("turn.failed"));
    let messages = branch(&ada, &chat).await?;
    assert_eq!(messages.len(), 4);
    assert_eq!(messages[3]["status"], "interrupted");
    assert_eq!(text_of(&messages[1]), "before the crash");
    // Readers are told at once and the table a little later: only that little may be gone.
    let (kept, shown) = (text_of(&messages[3]), deltas(&seen)?);
    let words = words.join(" ");
    ensure!(words.starts_with(kept.trim_end()) && words.starts_with(shown.trim_end()), "{kept}");
    let gone = shown.split_whitespace().count().saturating_sub(kept.split_whitespace().count());
    ensure!(gone <= 5, "{gone} words of {shown} are gone");
    assert_eq!(world.usage_rows().await?, 2);

    // And the conversation goes on.
    let next = say(&ada, &chat, &json!({ "content": "Third?" })).await?;
    one(&next, "turn.completed")?;
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}
