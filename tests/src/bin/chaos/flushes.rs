//! F55: the process that flushes many answers is killed at any moment of its flushes.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use e2e::{
    Client, Event, Installation,
    installation::{conversation, message},
};
use infra_providers::scripted::Script;
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{random::Random, verdict::Verdict};

const KILLS: usize = 8;
const STREAMS: usize = 60;
/// An answer of 3.2 s, flushed each fifth of a second.
const WORDS: usize = 64;
const PACE: Duration = Duration::from_millis(50);
/// When the process is killed, behind the first piece that a reader got.
const KILLED: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(2_500));
/// After this at the latest each answer has its end.
const SETTLED: Duration = Duration::from_secs(40);
/// Most pieces that a reader saw and the table had not yet: some flushes on two cores.
const MOST_UNSTORED: usize = 20;

/// What a reader saw until the process died.
struct Seen {
    stream: String,
    last: u64,
    pieces: usize,
}

/// How all rounds ended.
#[derive(Default)]
struct Counts {
    killed_while_running: usize,
    gaps: usize,
    lost: usize,
    torn: usize,
    without_end: usize,
    most_unstored: usize,
}

pub(crate) async fn run(mut random: Random) -> Result<Verdict> {
    let mut installation = Installation::on_postgres().await?;
    let words: Vec<String> = (0..WORDS).map(|number| format!("word{number}")).collect();
    let text = words.join(" ");
    installation.upstream.set_default(Script { chunk_delay: PACE, ..Script::reply(text.clone()) });
    let mut database = installation.postgres()?.superuser().await?;
    let mut counts = Counts::default();
    for _ in 0..KILLS {
        let client = installation.client()?;
        let (first, mut any) = mpsc::unbounded_channel();
        let mut readers = JoinSet::new();
        for _ in 0..STREAMS {
            readers.spawn(read(client.clone(), conversation(&client).await?, first.clone()));
        }
        any.recv().await.context("no answer has begun")?;
        sleep(random.between(KILLED.0, KILLED.1)).await;
        installation.server.kill()?;
        let seen: Vec<Seen> = readers.join_all().await.into_iter().flatten().collect();
        let stored: Vec<(uuid::Uuid, i64, bool)> =
            sqlx::query_as("SELECT id, last_event, state = 'running' FROM streams").fetch_all(&mut database).await?;
        let stored: HashMap<String, (u64, bool)> = stored
            .into_iter()
            .map(|(id, last, runs)| (id.to_string(), (u64::try_from(last).unwrap_or_default(), runs)))
            .collect();
        installation.server.restart().await?;
        let client = installation.client()?;
        for seen in seen {
            let (last, runs) = stored.get(&seen.stream).copied().unwrap_or_default();
            counts.killed_while_running += usize::from(runs);
            counts.check(&client, &seen, last, &text).await?;
        }
    }
    let once = "SELECT count(*) FILTER (WHERE rows = 1), count(*) FROM (SELECT (SELECT count(*) FROM usage_logs u \
        WHERE u.request_id = s.request_id) AS rows FROM streams s) AS counted";
    let (once, all): (i64, i64) = sqlx::query_as(once).fetch_one(&mut database).await?;
    Ok(Verdict::default()
        .count("kills", KILLS)
        .at_least("answers that ran at a kill", counts.killed_while_running, KILLS * STREAMS / 4)
        .must_be("answers whose numbers have a gap", counts.gaps, 0)
        .must_be("that lost what was stored", counts.lost, 0)
        .must_be("whose text is no beginning of what was said", counts.torn, 0)
        .must_be("whose reader was told of no end", counts.without_end, 0)
        .at_most("most pieces that were read and not yet stored", counts.most_unstored, MOST_UNSTORED)
        .must_be("streams with one row of usage", once, all))
}

impl Counts {
    /// Reads an answer anew, as a reader who comes late and as the one who was cut off.
    async fn check(&mut self, client: &Client, seen: &Seen, stored: u64, text: &str) -> Result<()> {
        let events = events(client, &seen.stream, 0).await?;
        let numbers: Vec<u64> = events.iter().filter_map(|event| event.id).collect();
        self.gaps += usize::from(!numbers.iter().copied().eq(1..=numbers.len() as u64));
        self.lost += usize::from(numbers.last().is_none_or(|last| *last < stored));
        let (mut kept, mut pieces) = (String::new(), 0);
        for event in events.iter().filter(|event| event.name == "text.delta") {
            kept.push_str(event.json()?["text"].as_str().context("a delta without text")?);
            pieces += 1;
        }
        self.torn += usize::from(!text.starts_with(&kept));
        self.most_unstored = self.most_unstored.max(seen.pieces.saturating_sub(pieces));
        let resumed = self::events(client, &seen.stream, seen.last).await?;
        for all in [&events, &resumed] {
            self.without_end += usize::from(!all.last().is_some_and(|event| event.name.starts_with("turn.")));
        }
        Ok(())
    }
}

/// The events of a stream behind this number, to its end.
async fn events(client: &Client, stream: &str, after: u64) -> Result<Vec<Event>> {
    let mut events = client.get_stream(&format!("/api/v1/streams/{stream}/events?after={after}")).await?;
    timeout(SETTLED, events.rest()).await.context("an answer had no end in time")?
}

/// Reads a turn until the process dies; `None`: it had not begun.
async fn read(client: Client, conversation: String, first: UnboundedSender<Instant>) -> Option<Seen> {
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let mut events = client.post_stream(&path, &message("Tell me more.")).await.ok()?;
    let mut seen = Seen { stream: String::new(), last: 0, pieces: 0 };
    while let Ok(Some(event)) = events.next().await {
        seen.last = event.id.unwrap_or(seen.last);
        match event.name.as_str() {
            "turn.started" => event.json().ok()?["stream_id"].as_str()?.clone_into(&mut seen.stream),
            "text.delta" => {
                seen.pieces += 1;
                // Nobody listens behind the first.
                first.send(Instant::now()).ok();
            }
            _ => {}
        }
    }
    (!seen.stream.is_empty()).then_some(seen)
}
