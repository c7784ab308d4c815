//! F03: readers that go away in the middle change nothing in the books.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{
    Installation,
    installation::{conversation, message},
};
use infra_providers::scripted::Script;
use socket2::SockRef;
use sqlx::PgConnection;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

use super::{random::Random, verdict::Verdict};

const STREAMS: usize = 2_000;
const AT_ONCE: usize = 32;
/// Bytes after which a reader goes at the latest; an answer has about 3,000.
const MOST_BYTES: u64 = 3_000;
/// How long streams may run on after the last reader went.
const DRAIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
const WORDS: &str = "one two three four five six seven eight nine ten eleven twelve";

/// Rows of usage, streams, streams with one row, tokens read and written, estimated rows.
type Books = (i64, i64, i64, i64, i64, i64);

pub(crate) async fn run(mut random: Random) -> Result<Verdict> {
    let installation = Installation::on_postgres().await?;
    installation.upstream.set_default(Script { chunk_delay: Duration::from_millis(3), ..Script::reply(WORDS) });
    let address = installation.server.url()?.trim_start_matches("http://").to_owned();
    let client = installation.client()?;
    let key = Arc::new(installation.key().to_owned());
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut readers = Vec::new();
    for number in 0..STREAMS {
        let (client, gate, address, key) = (client.clone(), Arc::clone(&gate), address.clone(), Arc::clone(&key));
        let (bytes, resets) = (random.below(MOST_BYTES), random.below(2) == 0);
        readers.push(tokio::spawn(async move {
            let _turn = gate.acquire_owned().await?;
            let id = conversation(&client).await?;
            read_some(&address, &key, &id, &format!("question {number}"), bytes as usize, resets).await?;
            anyhow::Ok(resets)
        }));
    }
    let mut resets = 0;
    for reader in readers {
        resets += usize::from(reader.await??);
    }
    let mut database = installation.postgres()?.superuser().await?;
    let start = Instant::now();
    let mut live = running(&mut database).await?;
    while live > 0 && start.elapsed() < DRAIN {
        tokio::time::sleep(POLL).await;
        live = running(&mut database).await?;
    }
    let drained = start.elapsed();
    let books = "SELECT count(u.id) AS rows, count(DISTINCT s.id) AS streams, \
          count(DISTINCT s.id) FILTER (WHERE (SELECT count(*) FROM usage_logs o WHERE o.request_id = s.request_id) = 1) AS with_one_row, \
          coalesce(sum(u.input_tokens), 0)::int8 AS input, coalesce(sum(u.output_tokens), 0)::int8 AS output, \
          count(*) FILTER (WHERE u.is_estimated) AS estimated \
        FROM streams s LEFT JOIN usage_logs u ON u.request_id = s.request_id";
    let (rows, streams, with_one_row, input_kept, output_kept, estimated): Books =
        sqlx::query_as(books).fetch_one(&mut database).await?;
    let bill = installation.upstream.bill();
    let (input, output) =
        bill.iter().fold((0, 0), |(i, o), charge| (i + charge.input_tokens, o + charge.output_tokens));
    let progress = *installation.upstream.progress().borrow();
    Ok(Verdict::default()
        .must_be("streams", streams, i64::try_from(STREAMS)?)
        .count("left by a reset", resets)
        .must_be("with one row of usage", with_one_row, i64::try_from(STREAMS)?)
        .must_be("rows of usage", rows, i64::try_from(bill.len())?)
        .must_be("tokens read", input_kept, i64::try_from(input)?)
        .must_be("tokens written", output_kept, i64::try_from(output)?)
        .must_be("estimated", estimated, 0)
        .must_be("answers that the provider could not send to the end", progress.arrived - progress.ended, 0)
        .must_be("streams that still ran after 5 s", live, 0)
        .count("drained in ms", drained.as_millis()))
}

async fn running(database: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM streams WHERE state = 'running'").fetch_one(database).await?)
}

/// Sends a message, reads this many bytes of the answer, and goes away.
async fn read_some(
    address: &str,
    key: &str,
    conversation: &str,
    content: &str,
    bytes: usize,
    resets: bool,
) -> Result<()> {
    let body = message(content).to_string();
    let mut socket = TcpStream::connect(address).await?;
    let request = format!(
        "POST /api/v1/conversations/{conversation}/messages HTTP/1.1\r\nhost: {address}\r\n\
         authorization: Bearer {key}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    let mut piece = [0; 512];
    // The status line at least: a request that was never read is no turn.
    while read.len() < bytes.max(16) {
        let count = socket.read(&mut piece).await.context("the stream broke before its reader went")?;
        if count == 0 {
            break;
        }
        read.extend_from_slice(&piece[..count]);
        if read.ends_with(b"0\r\n\r\n") {
            break;
        }
    }
    ensure!(read.starts_with(b"HTTP/1.1 200"), "refused: {}", String::from_utf8_lossy(&read));
    if resets {
        SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
    } else {
        socket.shutdown().await?;
    }
    Ok(())
}
