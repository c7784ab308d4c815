//! F20: peers that send slowly are closed, and others do not notice.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::world::{Backend, World};

/// Peers of each kind.
const PEERS: usize = 50;
/// When the last of them must be gone: ten seconds of silence, and room for a loaded machine.
const LIMIT: Duration = Duration::from_secs(40);

#[tokio::test]
async fn f20_slow_peers_are_closed() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let address = world.server.url()?.replace("http://", "");
    let head = format!(
        "POST /api/v1/conversations HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
        content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{\"title\":",
        world.token()
    );
    let kinds = ["GET /api/v1/me HTT".to_owned(), format!("GET /livez HTTP/1.1\r\nhost: {address}\r\nx-slow: a"), head];
    let peers = (0..PEERS * kinds.len()).map(|number| {
        let (address, begin) = (address.clone(), kinds[number % kinds.len()].clone());
        async move {
            let mut socket = TcpStream::connect(&address).await?;
            socket.write_all(begin.as_bytes()).await?;
            let mut answer = Vec::new();
            let closed = timeout(LIMIT, socket.read_to_end(&mut answer)).await;
            // A reset closes as well as an end does.
            drop(closed.context("a slow peer was not closed")?);
            anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
        }
    });
    let others = async {
        for _ in 0..20 {
            let made = world.admin()?.post("/api/v1/conversations", &json!({})).await?;
            made.expect(201)?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    let (answers, served) = tokio::join!(join_all(peers), others);
    served?;
    for answer in answers {
        let answer = answer?;
        ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    assert_eq!(world.number("SELECT count(*) FROM conversations").await?, 20);
    Ok(())
}

/// S111: the head of a second request on a connection that is kept, a byte at a time; and one that only waits.
#[tokio::test]
async fn f20_a_second_head_has_a_clock_too() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let address = world.server.url()?.replace("http://", "");
    let whole = format!("GET /livez HTTP/1.1\r\nhost: {address}\r\n\r\n");
    // With a body, whose end the connection cannot tell from the beginning of a next head.
    let login = "{\"login\":\"nobody\",\"password\":\"wrong\"}";
    let posted = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\
        \r\n\r\n{login}",
        login.len()
    );
    for first in [&whole, &posted] {
        let (mut drips, mut waits) = (TcpStream::connect(&address).await?, TcpStream::connect(&address).await?);
        for socket in [&mut drips, &mut waits] {
            answered(socket, first).await?;
        }
        let begun = Instant::now();
        let mut rest = whole.bytes();
        loop {
            ensure!(begun.elapsed() < Duration::from_secs(15), "a second head took {:?}", begun.elapsed());
            let byte = rest.next().context("the whole head came in")?;
            let is_closed = drips.write_all(&[byte]).await.is_err()
                || timeout(Duration::from_millis(500), drips.read(&mut [0; 64]))
                    .await
                    .is_ok_and(|read| !read.is_ok_and(|n| n > 0));
            if is_closed {
                break;
            }
        }
        ensure!(begun.elapsed() > Duration::from_secs(3), "closed after {:?}", begun.elapsed());
        answered(&mut waits, &whole).await?;
    }
    Ok(())
}

/// Sends a request and reads some of its response.
async fn answered(socket: &mut TcpStream, request: &str) -> Result<()> {
    socket.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; 4096];
    let read = timeout(LIMIT, socket.read(&mut answer)).await.context("no response")??;
    ensure!(answer[..read].starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer[..read]));
    Ok(())
}
