//! F20: peers that send slowly are closed in time, and others hardly notice.
//!
//! Thousands of peers on the same processors are felt by everyone, whoever serves them. So ordinary
//! requests beside slow peers of the server are compared with ones beside as many peers, as slow, of a
//! listener that only reads.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Client, Installation};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::verdict::Verdict;

/// Peers of each kind, all at once.
const PEERS: usize = 5_000;
/// Peers that connect before the next pause.
const WAVE: usize = 250;
const WAVE_PAUSE: Duration = Duration::from_millis(20);
/// How long ordinary requests are timed beside the peers of one round.
const TIMED: Duration = Duration::from_secs(4);
/// Rounds of each kind: one hundredth of a few seconds' requests swings by a tenth from round to round,
/// so the median round is judged.
const ROUNDS: usize = 3;
/// Time for connections that were given up to be forgotten.
const REST: Duration = Duration::from_secs(1);
/// The server's clocks are looked at about once a second, by thousands of connections.
const SLACK: Duration = Duration::from_secs(2);
/// How much longer the slowest hundredth of ordinary requests may take.
const MOST_SLOWER: f64 = 1.1;

/// A way of being slow.
struct Kind {
    name: &'static str,
    begin: String,
    /// How often a further byte is sent; `None`: never.
    drip: Option<Duration>,
    /// When the server must have ended it.
    limit: Duration,
}

pub(crate) async fn run() -> Result<Verdict> {
    let installation = Installation::on_postgres().await?;
    let address = installation.server.url()?.trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /api/v1/conversations HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{\"title\":\"",
        installation.key()
    );
    let kinds = [
        Kind {
            name: "headers",
            begin: format!("GET /livez HTTP/1.1\r\nhost: {address}\r\nx-slow: "),
            drip: Some(Duration::from_secs(1)),
            limit: Duration::from_secs(5),
        },
        Kind { name: "silent bodies", begin: head.clone(), drip: None, limit: Duration::from_secs(10) },
        Kind {
            name: "dripping bodies",
            begin: head,
            drip: Some(Duration::from_secs(3)),
            limit: Duration::from_secs(60),
        },
    ];
    let client = installation.client()?;
    let mut verdict = Verdict::default();
    for kind in kinds {
        let mut rounds = Vec::new();
        let peers = loop {
            let floor = beside_a_reader(&client, &kind).await?;
            let mut peers = peers_of(&address, &kind).await;
            let beside = p99(&client).await?;
            rounds.push((beside / floor, floor, beside));
            if rounds.len() == ROUNDS {
                break peers;
            }
            peers.shutdown().await;
            sleep(REST).await;
        };
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (ratio, floor, beside) = rounds[ROUNDS / 2];
        let mut slowest = Duration::ZERO;
        for ended in peers.join_all().await {
            slowest = slowest.max(ended?);
        }
        verdict = verdict
            .count(&format!("{} that were slow", kind.name), PEERS)
            .at_most(
                &format!("ms to the end of the last of the {}", kind.name),
                slowest.as_millis(),
                (kind.limit + SLACK).as_millis(),
            )
            .count(
                &format!("p99 in ms beside {} of a bare reader and of the server, in the median round", kind.name),
                format!("{floor:.2} and {beside:.2}"),
            )
            .count("ratios", rounds.iter().map(|round| format!("{:.2}", round.0)).collect::<Vec<_>>().join(" "))
            .at_most("their median", (ratio * 100.0).round() / 100.0, MOST_SLOWER);
    }
    let mut database = installation.postgres()?.superuser().await?;
    let made: i64 = sqlx::query_scalar("SELECT count(*) FROM conversations").fetch_one(&mut database).await?;
    Ok(verdict.must_be("conversations of bodies that never came", made, 0))
}

/// The p99 of ordinary requests beside slow peers of a listener that only reads.
async fn beside_a_reader(client: &Client, kind: &Kind) -> Result<f64> {
    let reader = TcpListener::bind("127.0.0.1:0").await?;
    let address = reader.local_addr()?.to_string();
    let reading = tokio::spawn(read_all(reader));
    let mut peers = peers_of(&address, kind).await;
    let floor = p99(client).await;
    peers.shutdown().await;
    reading.abort();
    floor
}

/// Connects slow peers, in waves.
async fn peers_of(address: &str, kind: &Kind) -> JoinSet<Result<Duration>> {
    let mut peers = JoinSet::new();
    for number in 0..PEERS {
        peers.spawn(peer(address.to_owned(), kind.begin.clone(), kind.drip, kind.limit + SLACK * 5));
        if number % WAVE == 0 {
            sleep(WAVE_PAUSE).await;
        }
    }
    peers
}

/// Reads whatever anyone sends, and never answers.
async fn read_all(listener: TcpListener) {
    let mut readers = JoinSet::new();
    while let Ok((mut socket, _)) = listener.accept().await {
        readers.spawn(async move { tokio::io::copy(&mut socket, &mut tokio::io::sink()).await });
    }
}

/// Begins a request and sends hardly more; gives the time until the server ended it.
async fn peer(address: String, begin: String, drip: Option<Duration>, limit: Duration) -> Result<Duration> {
    let socket = TcpStream::connect(&address).await?;
    let start = Instant::now();
    let (mut reading, mut writing) = socket.into_split();
    writing.write_all(begin.as_bytes()).await?;
    let dripping = async {
        let Some(pause) = drip else { return std::future::pending().await };
        loop {
            sleep(pause).await;
            // Whatever goes wrong here, the reading side sees the end.
            if writing.write_all(b"a").await.is_err() {
                return std::future::pending().await;
            }
        }
    };
    let mut answer = Vec::new();
    let ended = async {
        tokio::select! {
            // A reset is an end as well.
            _ = reading.read_to_end(&mut answer) => {}
            () = dripping => {}
        }
    };
    timeout(limit, ended).await.context("a slow peer was not closed")?;
    ensure!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    Ok(start.elapsed())
}

/// The time in milliseconds that 99 of 100 ordinary requests stay under.
async fn p99(client: &Client) -> Result<f64> {
    let (end, mut times) = (Instant::now() + TIMED, Vec::new());
    while Instant::now() < end {
        let start = Instant::now();
        client.get("/api/v1/me").await?.expect(200)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let time = times.get(times.len() * 99 / 100).context("no request was made")?;
    Ok(time.as_secs_f64() * 1e3)
}
