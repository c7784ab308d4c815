//! F05: every call is in the books once, whenever the server is killed.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use e2e::{
    Client, Installation,
    installation::{conversation, message},
};
use infra_providers::scripted::Script;
use tokio::task::JoinHandle;

use super::{random::Random, verdict::Verdict};

const KILLS: usize = 40;
const CLIENTS: usize = 8;
/// How long the server runs before it is killed.
const LIFE: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(1_500));
/// After this at the latest what a dead process left is settled.
const SETTLED: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);
/// A call is on record before it is made. A kill between the two leaves an estimate for a call that
/// the provider never got: at most one for so many kills of all clients.
const KILLS_PER_UNASKED: usize = 4;
const WORDS: &str = "one two three four five six seven eight";

/// What a client knows of a turn.
struct Turn {
    conversation: String,
    content: String,
    /// It read `turn.completed`.
    completed: bool,
}

type Turns = Arc<Mutex<Vec<Turn>>>;
/// The questions that the provider got.
type Asked = Arc<Mutex<HashSet<String>>>;

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) async fn run(mut random: Random) -> Result<Verdict> {
    let mut installation = Installation::on_postgres().await?;
    let script = Script {
        first_delay: Duration::from_millis(10),
        chunk_delay: Duration::from_millis(10),
        ..Script::reply(WORDS)
    };
    installation.upstream.set_default(script);
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    installation.upstream.on_request(move |request| {
        lock(&noted).insert(request.prompt());
        std::future::ready(Ok(()))
    });
    let turns = Turns::default();
    for round in 0..KILLS {
        let clients: Vec<_> = (0..CLIENTS).map(|number| chat(installation.client(), round, number, &turns)).collect();
        tokio::time::sleep(random.between(LIFE.0, LIFE.1)).await;
        installation.server.kill()?;
        for client in clients {
            client.await??;
        }
        installation.server.restart().await?;
    }

    let mut database = installation.postgres()?.superuser().await?;
    let start = Instant::now();
    let mut open = i64::MAX;
    while open > 0 && start.elapsed() < SETTLED {
        tokio::time::sleep(POLL).await;
        let count =
            "SELECT (SELECT count(*) FROM provider_calls) + (SELECT count(*) FROM streams WHERE state = 'running')";
        open = sqlx::query_scalar(count).fetch_one(&mut database).await?;
    }
    let settled = start.elapsed();

    let rows: Vec<(uuid::Uuid, i64, i64, bool)> = sqlx::query_as(
        "SELECT conversation_id, count(*), sum(output_tokens)::int8, bool_or(is_estimated) FROM usage_logs GROUP BY 1",
    )
    .fetch_all(&mut database)
    .await?;
    let books: HashMap<String, (i64, i64, bool)> =
        rows.into_iter().map(|(id, rows, tokens, estimated)| (id.to_string(), (rows, tokens, estimated))).collect();
    let unfinished = "SELECT count(*) FROM messages WHERE status IN ('pending', 'streaming')";
    let unfinished: i64 = sqlx::query_scalar(unfinished).fetch_one(&mut database).await?;
    let (turns, asked) = (lock(&turns), lock(&asked));
    let tokens_of_an_answer = WORDS.split_whitespace().count() as i64;
    let (mut completed, mut estimated, mut lost, mut doubled, mut unasked, mut wrong) = (0, 0, 0, 0, 0, 0);
    for turn in turns.iter() {
        let rows = books.get(&turn.conversation);
        completed += u64::from(turn.completed);
        estimated += u64::from(rows.is_some_and(|row| row.2));
        doubled += u64::from(rows.is_some_and(|row| row.0 > 1));
        match (asked.contains(&turn.content), rows) {
            // What no provider has counted can only be estimated.
            (false, Some((_, _, false))) => wrong += 1,
            (false, Some(_)) => unasked += 1,
            (true, None) => lost += 1,
            (_, Some((_, tokens, false))) if *tokens != tokens_of_an_answer => wrong += 1,
            _ => {}
        }
    }
    Ok(Verdict::default()
        .count("kills", KILLS)
        .at_least("turns", turns.len(), 500)
        .at_least("calls of the provider", asked.len(), 500)
        .count("completed before their reader", completed)
        .count("settled by estimate", estimated)
        .must_be("calls without a row", lost, 0)
        .must_be("with two rows", doubled, 0)
        .at_most("estimates of calls that were not made", unasked, KILLS / KILLS_PER_UNASKED)
        .must_be("counted other than billed", wrong, 0)
        .must_be("still open after 30 s", open, 0)
        .must_be("answers without an end", unfinished, 0)
        .count("settled in ms", settled.as_millis()))
}

/// Sends turns, each in a conversation of its own, until the server is gone.
fn chat(client: Result<Client>, round: usize, number: usize, turns: &Turns) -> JoinHandle<Result<()>> {
    let turns = Arc::clone(turns);
    tokio::spawn(async move {
        let client = client?;
        for count in 0_u64.. {
            // Any failure is the kill's: what was acknowledged is what counts.
            let Ok(conversation) = conversation(&client).await else { break };
            let content = format!("question {round}-{number}-{count}");
            let path = format!("/api/v1/conversations/{conversation}/messages");
            let index = {
                let mut turns = lock(&turns);
                turns.push(Turn { conversation, content: content.clone(), completed: false });
                turns.len() - 1
            };
            let Ok(mut events) = client.post_stream(&path, &message(&content)).await else { break };
            if events.until("turn.completed").await.is_err() {
                break;
            }
            if let Some(turn) = lock(&turns).get_mut(index) {
                turn.completed = true;
            }
        }
        Ok(())
    })
}
