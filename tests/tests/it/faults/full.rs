//! F56: the disk is full while answers, uploads and writes run, and has room again.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use infra_providers::scripted::Script;
use serde_json::json;
use tempfile::TempDir;

use crate::world::{Backend, PRICED, World, branch, collection, conversation, text, text_of};

/// Size of the disk, as `mount` reads it.
const SIZE: &str = "size=40m";
/// Writes until the disk must be full, and time until all is well again.
const MOST_WRITES: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// A small disk. Unmounted when dropped.
struct Disk(TempDir);

impl Disk {
    /// `None` where nobody may mount.
    fn mount() -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder.path()).output();
        Ok(mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder)))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room.
    fn fill(&self) -> Result<PathBuf> {
        let ballast = self.path().join("ballast");
        let mut file = File::create(&ballast)?;
        for size in [1 << 20, 4096] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Ok(ballast)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

#[tokio::test]
async fn f56_a_full_disk_says_so_and_loses_nothing() -> Result<()> {
    let Some(disk) = Disk::mount()? else {
        eprintln!("not tried: this user may not mount a disk of a few megabytes");
        return Ok(());
    };
    let data = disk.path().join("data").display().to_string();
    let world = World::start_with(Backend::Sqlite, |builder| builder.variable("BANYAN_DATA_DIR", data)).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    let words = (0..60).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
    world.upstream.set_default(Script { chunk_delay: Duration::from_millis(100), ..Script::reply(words.clone()) });
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let say = format!("/api/v1/conversations/{chat}/messages");
    let mut events = ada.post_stream(&say, &json!({ "content": "Go on" })).await?;
    events.until("text.delta").await?;

    let ballast = disk.fill()?;
    let mut acknowledged = Vec::new();
    let refused = loop {
        let title = format!("number {}", acknowledged.len());
        let answer = ada.post("/api/v1/conversations", &json!({ "title": title, "collection_ids": [] })).await?;
        match answer.status {
            201 => acknowledged.push(text(&answer.json()?["id"])?),
            _ => break answer,
        }
        ensure!(acknowledged.len() < MOST_WRITES, "the disk is never full");
    };
    assert_eq!(refused.expect(507)?["code"], "storage_full");
    let path = format!("/api/v1/collections/{docs}/sources");
    let upload = ada.upload(&path, "a.txt", "text/plain", vec![b'a'; 200_000]).await?;
    assert_eq!(upload.expect(507)?["code"], "storage_full");
    assert_eq!(ada.get("/readyz").await?.expect(503)?["code"], "storage_full");
    // What is there can be read, and the reader of the answer gets its words meanwhile.
    ada.get(&format!("/api/v1/conversations/{chat}")).await?.expect(200)?;
    for _ in 0..5 {
        events.next().await?.context("the stream ended with the room on the disk")?;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    ensure!(ada.get("/readyz").await?.status == 503, "ready without room");

    fs::remove_file(ballast)?;
    let freed = Instant::now();
    while ada.get("/readyz").await?.status != 200 {
        if freed.elapsed() > PATIENCE {
            bail!("not ready again:\n{}", world.server.logs().join("\n"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    events.until("turn.completed").await?;
    let said = branch(&ada, &chat).await?;
    assert_eq!(text_of(said.last().context("no answer")?), words);
    for id in &acknowledged {
        ada.get(&format!("/api/v1/conversations/{id}")).await?.expect(200)?;
    }
    ada.upload(&path, "a.txt", "text/plain", b"Now there is room.".to_vec()).await?.expect(202)?;
    assert_eq!(ada.get("/api/v1/usage/summary").await?.expect(200)?["total"]["requests"], 1);
    Ok(())
}
