//! F07 and F25: work that was accepted is done, whatever ends the server.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::fixtures;
use futures::future::join_all;
use infra_providers::scripted::Script;
use serde_json::json;

use crate::world::{
    Backend, PRICED, World, branch, collection, conversation, on_each_backend, settled, text_of, upload,
};

on_each_backend!(f07_a_killed_worker_loses_no_document, f25_a_shutdown_loses_nothing);

/// How often the server is killed while it reads documents.
const KILLS: usize = 4;

async fn f07_a_killed_worker_loses_no_document(backend: Backend) -> Result<()> {
    let settings =
        |builder: e2e::Builder| builder.variable("BANYAN_EMBEDDINGS__MODEL", "openai/text-embedding-3-small");
    let mut world = World::start_with(backend, settings).await?;
    let pages = fixtures::documents(12)?;
    let docs = collection(&world.admin()?, "Documents").await?;
    let mut sources = Vec::new();
    for (number, page) in pages.iter().enumerate() {
        let name = format!("{number}.html");
        sources.push(upload(&world.admin()?, &docs, &name, &std::fs::read(page)?).await?);
        if number % (pages.len() / KILLS) == 2 {
            tokio::time::sleep(Duration::from_millis(150 * (number as u64 % 4))).await;
            world.server.kill()?;
            world.server.restart().await?;
        }
    }
    let mut chunks = 0;
    for source in &sources {
        let found = settled(&world.admin()?, source).await?;
        ensure!(found["status"] == "processed" && found["version"] == 1, "{found}");
        chunks += found["chunk_count"].as_i64().context("no count")?;
    }
    assert_eq!(world.number("SELECT count(*) FROM chunks").await?, chunks, "no chunk twice, none lost");
    let places = "SELECT count(*) FROM (SELECT DISTINCT source_id, ordinal FROM chunks) AS places";
    assert_eq!(world.number(places).await?, chunks);
    assert_eq!(world.number("SELECT count(*) FROM sources").await?, sources.len() as i64);

    // The same documents in a server that nobody kills have as many chunks.
    let calm = World::start_with(backend, settings).await?;
    let docs = collection(&calm.admin()?, "Documents").await?;
    for (number, page) in pages.iter().enumerate() {
        let source = upload(&calm.admin()?, &docs, &format!("{number}.html"), &std::fs::read(page)?).await?;
        settled(&calm.admin()?, &source).await?;
    }
    assert_eq!(calm.number("SELECT count(*) FROM chunks").await?, chunks);
    let text = "SELECT sum(length(content)) FROM chunks";
    assert_eq!(calm.number(text).await?, world.number(text).await?);
    Ok(())
}

async fn f25_a_shutdown_loses_nothing(backend: Backend) -> Result<()> {
    let mut world = World::start(backend).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    let words: Vec<String> = (0..30).map(|number| format!("word{number}")).collect();
    world.upstream.set_default(Script { chunk_delay: Duration::from_millis(50), ..Script::reply(words.join(" ")) });
    let mut chats = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..8 {
        let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
        let path = format!("/api/v1/conversations/{chat}/messages");
        let mut stream = ada.post_stream(&path, &json!({ "content": "Count." })).await?;
        stream.until("text.delta").await?;
        streams.push(stream);
        chats.push(chat);
    }
    let mut sources = Vec::new();
    for page in fixtures::documents(6)? {
        sources.push(upload(&ada, &docs, "page.html", &std::fs::read(page)?).await?);
    }
    let reading = tokio::spawn(join_all(streams.into_iter().map(|mut stream| async move { stream.rest().await })));
    let (status, said) = world.server.terminate().await?;
    let ends = reading.await?;
    for events in ends {
        let events = events?;
        let last = events.last().context("a stream ended without a word")?;
        ensure!(["turn.completed", "turn.failed"].contains(&last.name.as_str()), "{last:?}");
    }
    assert_eq!(status.code(), Some(0), "{}", said.join("\n"));
    world.server.restart().await?;
    let ada = world.admin()?;
    for source in &sources {
        let found = settled(&ada, source).await?;
        ensure!(found["status"] == "processed", "{found}");
    }
    for chat in &chats {
        let answer = branch(&ada, chat).await?.pop().context("no answer")?;
        ensure!(["complete", "interrupted"].contains(&answer["status"].as_str().unwrap_or_default()), "{answer}");
        ensure!(text_of(&answer).starts_with("word0"), "{answer}");
    }
    assert_eq!(world.usage_rows().await?, chats.len() as i64);
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}
