//! F53: readers that never read.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infra_providers::scripted::Script;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::world::{Backend, PRICED, World, conversation, one};

/// Readers of one answer.
const READERS: usize = 200;
/// Words of it, of ten bytes each.
const WORDS: usize = 200_000;
/// What the server's memory may grow by, in MiB, and when the last reader is gone. The program as it is published grows by
/// 44 to 46, of 64 allowed; one that is not optimised, beside other tests, by up to 86. It was 246 to 460.
const MOST_GROWTH: u64 = 128;
const GONE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn f53_readers_that_never_read_cost_nothing_and_are_left() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let answer: Vec<String> = (0..WORDS).map(|number| format!("w{number:08}")).collect();
    let pause = Duration::from_millis(20);
    world.upstream.set_default(Script {
        words_per_chunk: 1_000,
        chunk_delay: pause,
        ..Script::reply(answer.join(" "))
    });
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let path = format!("/api/v1/conversations/{chat}/messages");
    let mut events = ada.post_stream(&path, &json!({ "content": "Go on" })).await?;
    let begun = events.until("turn.started").await?;
    let stream = one(&begun, "turn.started")?["stream_id"].as_str().context("no stream")?.to_owned();
    events.until("text.delta").await?;

    let process = world.server.process_id()?;
    let before = memory(process)?;
    let address = world.server.url()?.replace("http://", "");
    let request = format!(
        "GET /api/v1/streams/{stream}/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n",
        world.token()
    );
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut reader = TcpStream::connect(&address).await?;
        reader.write_all(request.as_bytes()).await?;
        readers.push(reader);
    }
    events.until("turn.completed").await?;
    let grown = memory(process)?.saturating_sub(before);
    ensure!(grown < MOST_GROWTH, "{READERS} readers that do not read cost {grown} MiB");
    let ended = Instant::now();
    while connections(process)? > 10 {
        ensure!(ended.elapsed() < GONE, "{} connections are still there", connections(process)?);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Resident memory in MiB.
fn memory(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

/// Sockets that a process has open.
fn connections(process: u32) -> Result<usize> {
    let files = std::fs::read_dir(format!("/proc/{process}/fd"))?;
    let is_socket = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    Ok(files.flatten().filter(is_socket).count())
}

/// Readers of their own answer, of which nothing comes for a while, cost nothing meanwhile.
#[tokio::test]
async fn readers_that_wait_cost_nothing() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    world.upstream.set_default(Script { chunk_delay: Duration::from_secs(12), ..Script::reply("first second") });
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let path = format!("/api/v1/conversations/{chat}/messages");
    let mut events = ada.post_stream(&path, &json!({ "content": "Go on" })).await?;
    events.until("text.delta").await?;
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let mut reader = ada.get_stream(&format!("/api/v1/conversations/{chat}/stream")).await?;
        reader.until("text.delta").await?;
        waiting.push(reader);
    }
    // Beyond the time after which rights are looked at again.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let before = processor_ticks(world.server.process_id()?)?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let spent = processor_ticks(world.server.process_id()?)? - before;
    ensure!(spent < 60, "waiting for three seconds cost {spent} hundredths of a second");
    events.until("turn.completed").await?;
    Ok(())
}

/// Processor time of a process in ticks, of which a second has a hundred.
fn processor_ticks(process: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}
