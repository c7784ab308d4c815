//! Many durable answers at once, as people read them: 64 pieces at 20 a second each.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{Client, Installation, installation::message};
use infra_providers::scripted::Script;

use super::{
    calls::{COMPLETIONS, answer, conversations, direct_completion},
    figures::{Figure, Goal, Times},
    left::Left,
};

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
    answers: u64,
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
    let text = answer(PIECES);
    let script = Script::reply(&text);
    installation.upstream.set_default(Script { chunk_delay: PACE, first_delay: PACE, ..script });
    let direct = Client::new(&format!("http://{}", installation.upstream.address()))?;
    let mut figures = Vec::new();
    for &(streams, wanted) in LOADS {
        let ours = installation.client()?;
        let paths = conversations(&ours, streams).await?;
        installation.analyze().await?;
        load(&ours, &paths, 1, true).await?;
        let left = Left::now(installation).await?;
        let meter = installation.meter()?;
        let seen = load(&ours, &paths, ROUNDS, true).await?;
        let spent = meter.spent()?;
        let floor = load(&direct, &vec![COMPLETIONS.to_owned(); streams], ROUNDS, false).await?;
        if let Some(reason) = &seen.reason {
            println!("{streams} streams: the first refusal: {reason}");
        }
        let [refused, p50, p99, gap, processor] =
            wanted.map(|most| if most.is_nan() { Goal::None } else { Goal::AtMost(most) });
        let name = |figure: &str| format!("{streams} streams: {figure}");
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
                spent.each(seen.answers),
                "ms",
                processor,
            ),
            Figure::plain(name("processor time of a turn, server"), spent.server_each(seen.answers), "ms"),
            Figure::plain(name("of clients and provider, for each"), spent.own_each(seen.answers), "ms"),
        ]);
        figures.extend(left.since(installation, &format!("{streams} streams"), &text).await?);
    }
    Ok(figures)
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
    let body = if is_ours { message("Tell me more.") } else { direct_completion(true) };
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
