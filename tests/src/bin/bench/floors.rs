//! Floors: what the machine, the network stack and the database cost without us.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use anyhow::{Context, Result};
use e2e::Client;
use sqlx::{Connection, Executor, PgConnection};

use super::figures::Times;

/// Flushes that are timed.
const FLUSHES: usize = 200;
/// Commits that are timed.
const COMMITS: usize = 200;
/// A page of a write-ahead log.
const PAGE: [u8; 8192] = [7; 8192];

/// The time that one flush of a small append takes in this folder, in milliseconds.
pub(crate) fn flush(folder: &Path) -> Result<f64> {
    let path = folder.join("flush.probe");
    let mut file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    // As a log does, into space that is there already: the length does not change.
    file.write_all(&vec![0; PAGE.len() * FLUSHES])?;
    file.sync_all()?;
    let mut file = File::options().write(true).open(&path)?;
    let mut times = Times::default();
    for _ in 0..FLUSHES {
        let start = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.add(start.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(times.median())
}

/// The time of a commit of one row, and of a transaction of two rows, in milliseconds.
pub(crate) async fn commits(url: &str) -> Result<(f64, f64)> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("CREATE TABLE bench_floor (id uuid PRIMARY KEY, content text)").await?;
    let (mut one, mut two) = (Times::default(), Times::default());
    for _ in 0..COMMITS {
        let start = Instant::now();
        insert(&mut connection).await?;
        one.add(start.elapsed());
        let start = Instant::now();
        let mut transaction = connection.begin().await?;
        insert(&mut transaction).await?;
        insert(&mut transaction).await?;
        transaction.commit().await?;
        two.add(start.elapsed());
    }
    connection.close().await?;
    Ok((one.median(), two.median()))
}

/// Transactions of two rows per second of this many connections.
pub(crate) async fn transactions(url: &str, connections: usize, time: Duration) -> Result<f64> {
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let mut connection = PgConnection::connect(url).await?;
        tasks.push(tokio::spawn(async move {
            let (end, mut done) = (Instant::now() + time, 0_u64);
            while Instant::now() < end {
                let mut transaction = connection.begin().await?;
                insert(&mut transaction).await?;
                insert(&mut transaction).await?;
                transaction.commit().await?;
                done += 1;
            }
            connection.close().await?;
            anyhow::Ok(done)
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    Ok(done as f64 / time.as_secs_f64())
}

async fn insert(connection: &mut PgConnection) -> Result<()> {
    let insert = sqlx::query("INSERT INTO bench_floor VALUES (gen_random_uuid(), 'a message of some words')");
    insert.execute(connection).await?;
    Ok(())
}

/// A server that hands each request to the provider and the answer back as it comes.
pub(crate) struct Hop {
    handle: ServerHandle,
    address: String,
}

struct Target {
    http: reqwest::Client,
    url: String,
}

impl Hop {
    /// Starts it before a provider at this address.
    #[expect(clippy::disallowed_methods, reason = "the hop calls the scripted provider, not the world")]
    pub(crate) fn start(provider: &str) -> Result<Self> {
        let http = reqwest::Client::builder().tcp_nodelay(true).no_proxy().build()?;
        let target = web::Data::new(Target { http, url: format!("{provider}/v1/chat/completions") });
        let server = HttpServer::new(move || {
            App::new().app_data(target.clone()).route("/v1/chat/completions", web::post().to(pass))
        });
        // Without it the end of a stream waits 40 ms for the client's delayed acknowledgement.
        let server = server.workers(2).tcp_nodelay(true).disable_signals().bind("127.0.0.1:0")?;
        let address = server.addrs().first().context("the hop has no address")?.to_string();
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { handle, address })
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::new(&format!("http://{}", self.address))
    }

    /// Ends it.
    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn pass(target: web::Data<Target>, body: web::Bytes) -> actix_web::Result<HttpResponse> {
    let request = target.http.post(&target.url).header("content-type", "application/json").body(body);
    let answer = request.send().await.map_err(actix_web::error::ErrorBadGateway)?;
    let kind = answer.headers().get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut response = HttpResponse::Ok();
    if let Some(kind) = kind {
        response.content_type(kind);
    }
    Ok(response.streaming(answer.bytes_stream()))
}
