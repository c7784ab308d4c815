//! The program itself: its start, its memory, its size, and the local encoder.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{Database, Server, fixtures, program};
use tokio::process::Command;

use super::figures::{Figure, Goal, Times};

/// Starts that are timed.
const STARTS: usize = 7;
/// When memory at rest is looked at, after the start.
const REST: Duration = Duration::from_secs(3);
const MEGABYTE: f64 = 1e6;
/// At most, for a program that is idle, in MB.
const IDLE: f64 = 60.0;
/// At most, for the stripped program, in MB.
const SIZE: f64 = 60.0;
/// At most, from the start to ready, in ms.
const START: f64 = 1_000.0;

/// Start, memory at rest and size.
pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let database = Database::create().await?;
    let mut figures = Vec::new();
    for (name, builder) in [("SQLite", Server::builder()), ("PostgreSQL", Server::builder().database(&database))] {
        let mut server = builder.start().await?;
        let mut times = Times::default();
        for _ in 0..STARTS {
            server.kill()?;
            let start = Instant::now();
            server.restart().await?;
            times.add(start.elapsed());
        }
        tokio::time::sleep(REST).await;
        let memory = resident(server.process_id()?)?;
        figures.push(Figure::new(format!("start to ready, {name}, p50"), times.median(), "ms", Goal::AtMost(START)));
        figures.push(Figure::new(format!("memory at rest, {name}"), memory, "MB", Goal::AtMost(IDLE)));
    }
    let program = program::path()?;
    figures.push(Figure::plain("size of the program as built", size(&program)?, "MB"));
    let folder = tempfile::tempdir()?;
    let stripped = folder.path().join("banyan");
    match Command::new("strip").arg("-o").arg(&stripped).arg(&program).status().await {
        Ok(status) if status.success() => {
            figures.push(Figure::new("size of the program, stripped", size(&stripped)?, "MB", Goal::AtMost(SIZE)));
        }
        _ => println!("the size of the stripped program is not measured: strip cannot be run"),
    }
    Ok(figures)
}

fn size(path: &Path) -> Result<f64> {
    Ok(std::fs::metadata(path)?.len() as f64 / MEGABYTE)
}

/// Memory of a process that is in main memory, in MB.
pub(crate) fn resident(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024.0 / MEGABYTE)
}

/// The local encoder's own benchmark, and with an interpreter of the original's packages the
/// comparison with the original encoder.
pub(crate) async fn encoder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let model = fixtures::embedding_model()?;
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "-p", "infra-embeddings", "--example", "encode_bench", "--"]);
    let status = command.arg(&model).arg(folder.path()).status().await.context("cannot run cargo")?;
    ensure!(status.success(), "the benchmark of the local encoder failed");
    if let Some(python) = std::env::var_os("BANYAN_BENCH_REFERENCE_PYTHON") {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/infra-embeddings/reference/compare.py");
        let threads = std::thread::available_parallelism()?.to_string();
        let status = Command::new(python).arg(script).arg(&model).arg(folder.path()).arg(threads).status().await?;
        ensure!(status.success(), "the comparison with the original encoder failed");
    }
    Ok(())
}
