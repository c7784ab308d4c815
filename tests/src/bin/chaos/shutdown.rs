//! F25: SIGTERM while answers and ingestions run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use e2e::{
    Client, Installation,
    installation::{conversation, id_of, message},
    text::document,
};
use infra_providers::scripted::Script;
use serde_json::json;
use tokio::{
    net::TcpStream,
    sync::{Barrier, Semaphore},
};

use super::verdict::Verdict;

/// Half of them end by themselves in the time that is given.
const STREAMS: usize = 500;
const DOCUMENTS: u64 = 20;
/// Streams that are opened at once: all together would wait for the database, not for the signal.
const OPENED_AT_ONCE: usize = 16;
/// Seconds that answers may take to end.
const GRACE: u64 = 10;
/// At most from the signal to the end: the grace, and what the server allows itself behind it.
const LONGEST: Duration = Duration::from_secs(20);
/// At most from the signal to the first connection that is refused.
const REFUSED: Duration = Duration::from_secs(1);
const RESUMED: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

pub(crate) async fn run() -> Result<Verdict> {
    let mut installation = Installation::on_postgres_with(|builder| {
        builder.variable("BANYAN_SHUTDOWN_SECONDS", GRACE.to_string()).variable("BANYAN_LIMITS__CONNECTIONS", "4000")
    })
    .await?;
    let words = ["word"; 40].join(" ");
    installation.upstream.choose(move |request| {
        let pause = if request.prompt().contains("short") { 100 } else { 2_000 };
        Some(Script { chunk_delay: Duration::from_millis(pause), ..Script::reply(words.clone()) })
    });
    let client = installation.client()?;
    let gate = Arc::new(Semaphore::new(OPENED_AT_ONCE));
    let begun = Arc::new(Barrier::new(STREAMS + 1));
    let (mut conversations, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..STREAMS {
        conversations.push(conversation(&client).await?);
    }
    for (number, id) in conversations.into_iter().enumerate() {
        let content = format!("{} question {number}", if number % 2 == 0 { "short" } else { "long" });
        readers.push(tokio::spawn(read(client.clone(), id, content, Arc::clone(&gate), Arc::clone(&begun))));
    }
    begun.wait().await;
    let collection = client.post("/api/v1/collections", &json!({ "name": "Files" })).await?.expect(201)?;
    let path = format!("/api/v1/collections/{}/sources", id_of(&collection)?);
    for number in 0..DOCUMENTS {
        let file = document(number, 15 * 1024).into_bytes();
        client.upload(&path, &format!("{number}.md"), "text/markdown", file).await?.expect(202)?;
    }

    let address = installation.server.url()?.trim_start_matches("http://").to_owned();
    let start = Instant::now();
    let refused = tokio::spawn(async move {
        while start.elapsed() < LONGEST && TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(POLL).await;
        }
        start.elapsed()
    });
    let (status, _) = installation.server.terminate().await?;
    let took = start.elapsed();
    let refused = refused.await?;
    let (mut completed, mut told, mut cut) = (0, 0, 0);
    for reader in readers {
        match reader.await?.as_deref() {
            Some("turn.completed") => completed += 1,
            Some("turn.failed" | "turn.stopped") => told += 1,
            _ => cut += 1,
        }
    }

    installation.server.restart().await?;
    let mut database = installation.postgres()?.superuser().await?;
    let start = Instant::now();
    let (mut unready, mut open) = (1_i64, 1_i64);
    while unready + open > 0 && start.elapsed() < RESUMED {
        tokio::time::sleep(POLL * 20).await;
        let count = "SELECT (SELECT count(*) FROM sources WHERE status <> 'processed'), \
            (SELECT count(*) FROM streams WHERE state = 'running') + (SELECT count(*) FROM provider_calls)";
        (unready, open) = sqlx::query_as(count).fetch_one(&mut database).await?;
    }
    let rows = "SELECT count(*) FROM streams s WHERE (SELECT count(*) FROM usage_logs u WHERE u.request_id = s.request_id) = 1";
    let rows: i64 = sqlx::query_scalar(rows).fetch_one(&mut database).await?;
    Ok(Verdict::default()
        .must_be("exit code", status.code().context("the server was killed by a signal")?, 0)
        .at_most("ms to the end", took.as_millis(), LONGEST.as_millis())
        .at_most("ms until connections were refused", refused.as_millis(), REFUSED.as_millis())
        .at_least("streams that completed", completed, STREAMS / 2)
        .at_least("streams that were told of their end", told, 1)
        .must_be("streams that were cut", cut, 0)
        .must_be("streams with one row of usage", rows, i64::try_from(STREAMS)?)
        .must_be("documents not searchable after the next start", unready, 0)
        .must_be("streams and calls still open", open, 0))
}

/// Reads a turn to its end; returns the name of the last event.
async fn read(
    client: Client,
    conversation: String,
    content: String,
    gate: Arc<Semaphore>,
    begun: Arc<Barrier>,
) -> Option<String> {
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let permit = gate.acquire_owned().await;
    let stream = client.post_stream(&path, &message(&content)).await;
    drop(permit);
    begun.wait().await;
    let mut events = stream.ok()?;
    let mut last = None;
    while let Ok(Some(event)) = events.next().await {
        last = Some(event.name);
    }
    last
}
