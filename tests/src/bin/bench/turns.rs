//! What a durable turn, and a call of `/v1` that keeps only usage and audit, add to the provider.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use e2e::{
    Client, Installation,
    installation::{conversation, message},
};
use serde_json::{Value, json};

use super::{
    figures::{Figure, Goal, Times},
    floors::{self, Hop},
};

/// Rounds of one client; in each every kind is called once.
const ROUNDS: usize = 300;
/// Rounds that are not counted. Turns go over all connections of the pool, and each of them prepares
/// every statement, which PostgreSQL plans anew for its first five runs.
const WARM_UP: usize = 600;
/// Clients at once.
const CLIENTS: usize = 16;
/// Conversations of a client; turns go round among them.
const CONVERSATIONS: usize = 24;
/// How long all clients send, and how long before that is counted.
const LOAD: Duration = Duration::from_secs(8);
const LOAD_WARM_UP: Duration = Duration::from_secs(4);
/// Turns a second of all clients that are wanted on PostgreSQL.
const WANTED_TURNS: f64 = 500.0;

/// On PostgreSQL, with the floors of its database.
pub(crate) async fn on_postgres() -> Result<Vec<Figure>> {
    let installation = Installation::on_postgres().await?;
    let folder = std::env::current_exe()?;
    let mut figures = measure(&installation, folder.parent().unwrap_or(Path::new(".")), WANTED_TURNS).await?;
    let url = installation.postgres()?.superuser_url().to_owned();
    let (one, two) = floors::commits(&url).await?;
    figures.push(Figure::plain("floor: commit of one row, p50", one, "ms"));
    figures.push(Figure::plain("floor: transaction of two rows, p50", two, "ms"));
    let rate = floors::transactions(&url, CLIENTS, LOAD / 2).await?;
    figures.push(Figure::plain(format!("floor: transactions of two rows, {CLIENTS} connections"), rate, "1/s"));
    Ok(figures)
}

/// On SQLite.
pub(crate) async fn on_sqlite() -> Result<Vec<Figure>> {
    let installation = Installation::on_sqlite().await?;
    let folder = installation.server.folder().to_owned();
    measure(&installation, &folder, f64::NAN).await
}

async fn measure(installation: &Installation, disk: &Path, wanted: f64) -> Result<Vec<Figure>> {
    let provider = format!("http://{}", installation.upstream.address());
    let hop = Hop::start(&provider)?;
    let (direct, through, ours) = (Client::new(&provider)?, hop.client()?, installation.client()?);
    let flush = floors::flush(disk)?;
    let mut times: [Times; _] = Default::default();
    let mut open = Vec::new();
    for round in 0..WARM_UP + ROUNDS {
        // What is measured begins in conversations of its own.
        if round == 0 || round == WARM_UP {
            installation.analyze().await?;
            open.clear();
            for _ in 0..CONVERSATIONS {
                open.push(conversation(&ours).await?);
            }
        }
        let conversation = &open[round % CONVERSATIONS];
        let calls = [
            timed(stream(&direct, "/v1/chat/completions", &completion("scripted", true))).await?,
            timed(stream(&through, "/v1/chat/completions", &completion("scripted", true))).await?,
            timed(stream(&ours, &format!("/api/v1/conversations/{conversation}/messages"), &message("Hello?"))).await?,
            timed(whole(&direct, &completion("scripted", false))).await?,
            timed(whole(&ours, &completion("openai/scripted", false))).await?,
        ];
        if round >= WARM_UP {
            times.iter_mut().zip(calls).for_each(|(times, call)| times.add(call));
        }
    }
    let [direct_stream, hop_stream, turn, direct_whole, completed] = &times;
    let base = direct_stream.median();
    let (added, added_whole) = (turn.median() - base, completed.median() - direct_whole.median());
    let rate = load(installation, Kind::Turns).await?;
    let direct_rate = load(installation, Kind::Direct).await?;
    hop.stop().await;
    let goal = if wanted.is_nan() { Goal::None } else { Goal::AtLeast(wanted) };
    Ok(vec![
        Figure::plain("floor: one flush of this disk, p50", flush, "ms"),
        Figure::plain("floor: provider called directly, stream, p50", base, "ms"),
        Figure::plain("floor: through a bare hop, stream, p50", hop_stream.median(), "ms"),
        Figure::plain("durable turn, stream, p50", turn.median(), "ms"),
        Figure::plain("durable turn, stream, p99", turn.quantile(0.99), "ms"),
        Figure::new("durable turn: added p50", added, "ms", Goal::AtMost(2.0 * flush + 3.0)),
        Figure::plain("durable turn: added p50 in flushes", added / flush, "flushes"),
        Figure::plain(
            "durable turn: added p50 over the added p50 of a bare hop",
            added / (hop_stream.median() - base),
            "ratio",
        ),
        Figure::plain("floor: provider called directly, whole answer, p50", direct_whole.median(), "ms"),
        Figure::plain("/v1/chat/completions, nothing kept, whole answer, p50", completed.median(), "ms"),
        Figure::new("/v1/chat/completions, nothing kept: added p50", added_whole, "ms", Goal::AtMost(flush + 1.0)),
        Figure::new(format!("durable turns, {CLIENTS} clients"), rate, "1/s", goal),
        Figure::plain(format!("floor: provider called directly, {CLIENTS} clients"), direct_rate, "1/s"),
    ])
}

fn completion(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Hello?" }] })
}

async fn timed(call: impl Future<Output = Result<()>>) -> Result<Duration> {
    let start = Instant::now();
    call.await?;
    Ok(start.elapsed())
}

async fn stream(client: &Client, path: &str, body: &Value) -> Result<()> {
    let events = client.post_stream(path, body).await?.rest().await?;
    let last = events.last().map_or("", |event| if event.name.is_empty() { &event.data } else { &event.name });
    ensure!(matches!(last, "turn.completed" | "[DONE]"), "the stream ended with {last:?}");
    Ok(())
}

async fn whole(client: &Client, body: &Value) -> Result<()> {
    client.post("/v1/chat/completions", body).await?.expect(200).map(drop)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Turns,
    Direct,
}

/// Streams per second of all clients, each with conversations of its own.
async fn load(installation: &Installation, kind: Kind) -> Result<f64> {
    let mut paths = Vec::new();
    let client = match kind {
        Kind::Turns => installation.client()?,
        Kind::Direct => Client::new(&format!("http://{}", installation.upstream.address()))?,
    };
    for _ in 0..CLIENTS {
        let mut own = Vec::new();
        for _ in 0..CONVERSATIONS {
            own.push(match kind {
                Kind::Turns => format!("/api/v1/conversations/{}/messages", conversation(&client).await?),
                Kind::Direct => "/v1/chat/completions".to_owned(),
            });
        }
        paths.push(own);
    }
    let start = Instant::now() + LOAD_WARM_UP;
    let tasks = paths.into_iter().map(|own| {
        let client = client.clone();
        tokio::spawn(async move {
            let body = if kind == Kind::Turns { message("Hello?") } else { completion("scripted", true) };
            let mut done = 0_u64;
            for path in own.iter().cycle() {
                stream(&client, path, &body).await?;
                let now = Instant::now();
                if now >= start + LOAD {
                    break;
                }
                done += u64::from(now >= start);
            }
            anyhow::Ok(done)
        })
    });
    let mut done = 0;
    for task in tasks.collect::<Vec<_>>() {
        done += task.await??;
    }
    Ok(done as f64 / LOAD.as_secs_f64())
}
