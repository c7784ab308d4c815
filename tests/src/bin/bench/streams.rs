//! Many durable answers at once, as people read them: 64 pieces at 20 a second each.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{
    Client, Installation,
    installation::{CHAT_MODEL, conversation, message},
    processor,
};
use infra_providers::scripted::Script;
use serde_json::json;
use sqlx::Row;

use super::figures::{Figure, Goal, Times};

/// Pieces of an answer, and the time between two.
const PIECES: usize = 64;
const PACE: Duration = Duration::from_millis(50);
/// Answers that are counted in each conversation, one behind the other; one before them is not.
const ROUNDS: usize = 3;
/// Streams at once, and what is wanted of each number: refused, milliseconds of the first piece over direct
/// (p50, p99), milliseconds between pieces (p99), milliseconds of processor time for a turn.
const LOADS: &[(usize, [f64; 5])] = &[
    (200, [0.0, 5.0, 20.0, 60.0, 4.0]),
    (1_000, [0.0, f64::NAN, 50.0, 60.0, 3.0]),
    (2_000, [0.0, f64::NAN, f64::NAN, f64::NAN, f64::NAN]),
];

/// What the readers saw.
#[derive(Default)]
struct Seen {
    first: Times,
    gaps: Times,
    answers: usize,
    refused: usize,
    /// The first reason for a refusal.
    reason: Option<String>,
}

/// On PostgreSQL.
pub(crate) async fn on_postgres() -> Result<Vec<Figure>> {
    measure(&Installation::on_postgres().await?).await
}

/// On SQLite.
pub(crate) async fn on_sqlite() -> Result<Vec<Figure>> {
    measure(&Installation::on_sqlite().await?).await
}

async fn measure(installation: &Installation) -> Result<Vec<Figure>> {
    let words: String = (0..PIECES).map(|number| format!("word{number} ")).collect();
    installation.upstream.set_default(Script {
        chunk_delay: PACE,
        first_delay: PACE,
        ..Script::reply(words.trim_end())
    });
    let direct = Client::new(&format!("http://{}", installation.upstream.address()))?;
    let mut figures = Vec::new();
    for &(streams, wanted) in LOADS {
        let ours = installation.client()?;
        let mut paths = Vec::with_capacity(streams);
        for _ in 0..streams {
            paths.push(format!("/api/v1/conversations/{}/messages", conversation(&ours).await?));
        }
        installation.analyze().await?;
        load(&ours, &paths, 1, true).await?;
        let before = (processor::of_process(installation.server.process_id()?)?, database_time(installation)?);
        let seen = load(&ours, &paths, ROUNDS, true).await?;
        let server = processor::of_process(installation.server.process_id()?)? - before.0;
        let database = database_time(installation)? - before.1;
        let floor = load(&direct, &vec!["/v1/chat/completions".to_owned(); streams], ROUNDS, false).await?;
        if let Some(reason) = &seen.reason {
            println!("{streams} streams: the first refusal: {reason}");
        }
        let [refused, p50, p99, gap, processor] =
            wanted.map(|most| if most.is_nan() { Goal::None } else { Goal::AtMost(most) });
        let name = |figure: &str| format!("{streams} streams: {figure}");
        let each = |time: Duration| time.as_secs_f64() * 1e3 / seen.answers.max(1) as f64;
        let over = |share| seen.first.quantile(share) - floor.first.quantile(share);
        figures.extend([
            Figure::new(name("refused"), seen.refused as f64, "turns", refused),
            Figure::plain(name("floor: first piece, directly, p50"), floor.first.median(), "ms"),
            Figure::plain(name("floor: first piece, directly, p99"), floor.first.quantile(0.99), "ms"),
            Figure::new(name("first piece over direct, p50"), over(0.5), "ms", p50),
            Figure::new(name("first piece over direct, p99"), over(0.99), "ms", p99),
            Figure::plain(name("floor: between pieces, directly, p99"), floor.gaps.quantile(0.99), "ms"),
            Figure::new(name("between pieces, p99"), seen.gaps.quantile(0.99), "ms", gap),
            Figure::new(
                name("processor time of a turn, server and database"),
                each(server + database),
                "ms",
                processor,
            ),
            Figure::plain(name("processor time of a turn, server"), each(server), "ms"),
        ]);
    }
    figures.extend(left_behind(installation).await?);
    Ok(figures)
}

fn database_time(installation: &Installation) -> Result<Duration> {
    installation.database.as_ref().map_or(Ok(Duration::ZERO), |database| processor::of_database(database.name()))
}

/// Rows of events of an answer, and their bytes beside the text, on PostgreSQL.
async fn left_behind(installation: &Installation) -> Result<Vec<Figure>> {
    let Some(database) = &installation.database else { return Ok(Vec::new()) };
    let query = "SELECT count(*)::float8 / count(DISTINCT stream_id) AS rows, \
                 sum(pg_column_size(e.*))::float8 / count(DISTINCT stream_id) AS bytes FROM stream_events e";
    let row = sqlx::query(query).fetch_one(&mut database.superuser().await?).await?;
    let text: usize = (0..PIECES).map(|number| format!("word{number} ").len()).sum();
    Ok(vec![
        Figure::new("rows of events of an answer", row.try_get("rows")?, "rows", Goal::AtMost(4.0)),
        Figure::new(
            "bytes of them, beside the text",
            row.try_get::<f64, _>("bytes")? - text as f64,
            "bytes",
            Goal::AtMost(2048.0),
        ),
    ])
}

/// Reads answers on each path, one behind the other, all paths at once; they begin one after the other within
/// the time of an answer.
async fn load(client: &Client, paths: &[String], rounds: usize, is_ours: bool) -> Result<Seen> {
    let answer = PACE * PIECES as u32;
    let start = Instant::now();
    let tasks: Vec<_> = (0..)
        .zip(paths)
        .map(|(index, path)| {
            let (client, path) = (client.clone(), path.clone());
            let offset = answer.mul_f64(f64::from(index) / paths.len() as f64);
            tokio::spawn(async move {
                tokio::time::sleep_until((start + offset).into()).await;
                let mut seen = Seen::default();
                for _ in 0..rounds {
                    if let Err(error) = read(&client, &path, is_ours, &mut seen).await {
                        seen.refused += 1;
                        seen.reason.get_or_insert(format!("{error:#}"));
                    }
                }
                seen
            })
        })
        .collect();
    let mut all = Seen::default();
    for task in tasks {
        let seen = task.await?;
        all.first.extend(seen.first);
        all.gaps.extend(seen.gaps);
        all.answers += seen.answers;
        all.refused += seen.refused;
        all.reason = all.reason.or(seen.reason);
    }
    Ok(all)
}

async fn read(client: &Client, path: &str, is_ours: bool, seen: &mut Seen) -> Result<()> {
    let body = if is_ours {
        message("Tell me more.")
    } else {
        let model = CHAT_MODEL.trim_start_matches("openai/");
        json!({ "model": model, "stream": true, "messages": [{ "role": "user", "content": "Tell me more." }] })
    };
    let begun = Instant::now();
    let mut events = client.post_stream(path, &body).await?;
    let mut last: Option<Instant> = None;
    while let Some(event) = events.next().await? {
        let is_piece = if is_ours { event.name == "text.delta" } else { event.data.contains("\"content\":\"w") };
        if !is_piece {
            continue;
        }
        let now = Instant::now();
        match last {
            None => seen.first.add(now - begun),
            Some(last) => seen.gaps.add(now - last),
        }
        last = Some(now);
    }
    anyhow::ensure!(last.is_some(), "the answer has no text");
    seen.answers += 1;
    Ok(())
}
