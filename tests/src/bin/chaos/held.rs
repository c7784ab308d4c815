//! F14: many streams that last, and no connection of the database held by them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use e2e::{
    Client, Installation,
    installation::{conversation, message},
};
use infra_providers::scripted::Script;
use sqlx::PgConnection;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use super::verdict::Verdict;

const STREAMS: usize = 500;
const OPENED_AT_ONCE: usize = 16;
/// An answer of 30 s.
const WORDS: usize = 60;
const PACE: Duration = Duration::from_millis(500);
/// Ordinary requests meanwhile.
const CLIENTS: usize = 8;
const TIMED: Duration = Duration::from_secs(15);
const P99: Duration = Duration::from_millis(250);
const LOOK: Duration = Duration::from_millis(100);
/// A transaction that is longer holds its connection for something else than its statements.
const LONGEST_TRANSACTION: Duration = Duration::from_secs(1);

pub(crate) async fn run() -> Result<Verdict> {
    let installation = Installation::on_postgres().await?;
    installation.upstream.set_default(Script { chunk_delay: PACE, ..Script::reply(["word"; WORDS].join(" ")) });
    let client = installation.client()?;
    let gate = Arc::new(Semaphore::new(OPENED_AT_ONCE));
    let mut streams = JoinSet::new();
    for _ in 0..STREAMS {
        streams.spawn(read(client.clone(), Arc::clone(&gate)));
    }
    // All are open once the last has had its turn at the gate.
    while installation.upstream.requests().len() < STREAMS {
        ensure!(streams.len() == STREAMS, "an answer ended before all had begun");
        sleep(LOOK).await;
    }
    let end = Instant::now() + TIMED;
    let mut asking = JoinSet::new();
    for _ in 0..CLIENTS {
        asking.spawn(ask(client.clone(), end));
    }
    let mut database = installation.postgres()?.superuser().await?;
    let (mut looks, mut busy, mut longest) = (0.0, 0.0, 0.0_f64);
    while Instant::now() < end {
        let (at_work, oldest) = at_work(&mut database, installation.postgres()?.name()).await?;
        (looks, busy, longest) = (looks + 1.0, busy + at_work as f64, longest.max(oldest));
        sleep(LOOK).await;
    }
    let mut took = Vec::new();
    let mut failed = 0;
    for asked in asking.join_all().await {
        for (status, time) in asked? {
            failed += usize::from(status != 200);
            took.push(time);
        }
    }
    took.sort();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or(TIMED);
    let whole = streams.join_all().await.into_iter().filter(|outcome| matches!(outcome, Ok(true))).count();
    Ok(Verdict::default()
        .must_be("streams that came to their end", whole, STREAMS)
        .at_least("other requests meanwhile", took.len(), 500)
        .must_be("of them failed", failed, 0)
        .at_most("their p99 in ms", p99.as_millis(), P99.as_millis())
        .count("connections at work on average", format!("{:.1}", busy / looks))
        .at_most("ms of the longest transaction", (longest * 1_000.0).round(), LONGEST_TRANSACTION.as_millis() as f64))
}

/// Reads a turn to its end; whether it was completed.
async fn read(client: Client, gate: Arc<Semaphore>) -> Result<bool> {
    let permit = gate.acquire_owned().await?;
    let path = format!("/api/v1/conversations/{}/messages", conversation(&client).await?);
    let mut events = client.post_stream(&path, &message("Take your time.")).await?;
    drop(permit);
    Ok(events.rest().await?.last().is_some_and(|event| event.name == "turn.completed"))
}

async fn ask(client: Client, end: Instant) -> Result<Vec<(u16, Duration)>> {
    let mut asked = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        let answer = client.get("/api/v1/conversations?limit=20").await?;
        asked.push((answer.status, begun.elapsed()));
        sleep(Duration::from_millis(10)).await;
    }
    Ok(asked)
}

/// Connections of the server inside a transaction, and the seconds of the oldest.
async fn at_work(database: &mut PgConnection, name: &str) -> Result<(i64, f64)> {
    let query = "SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 \
        FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";
    Ok(sqlx::query_as(query).bind(name).fetch_one(database).await?)
}
