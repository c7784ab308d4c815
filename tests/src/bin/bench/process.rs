//! The program itself: its start, its memory, its size, and the local encoder.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{Database, Server, fixtures, processor::resident, program};
use serde_json::Value;
use tokio::process::Command;

use super::figures::{Figure, Goal, Times};

/// Starts that are timed.
const STARTS: usize = 7;
/// When memory at rest is looked at, after the start.
const REST: Duration = Duration::from_secs(3);
/// At most, for a program that is idle, in MB.
const IDLE: f64 = 60.0;
/// At most, for the stripped program, in MB.
const SIZE: f64 = 60.0;
/// At least, between our vectors and those of the original encoder.
const LEAST_COSINE: f64 = 0.99999;
/// At least, of the original encoder's speed.
const FASTER: f64 = 1.5;
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
    Ok(std::fs::metadata(path)?.len() as f64 / 1e6)
}

/// The local encoder's own benchmark, and with an interpreter of the original's packages the
/// comparison with the original encoder.
pub(crate) async fn encoder() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let model = fixtures::embedding_model()?;
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--profile", "dist", "-p", "infra-embeddings", "--example", "encode_bench", "--"]);
    let mut lines = printed(command.arg(&model).arg(folder.path())).await?;
    if let Some(python) = std::env::var_os("BANYAN_BENCH_REFERENCE_PYTHON") {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/infra-embeddings/reference/compare.py");
        let threads = std::thread::available_parallelism()?.to_string();
        let mut command = Command::new(python);
        lines.extend(printed(command.arg(script).arg(&model).arg(folder.path()).arg(threads)).await?);
    }
    let value = |name: &str| lines.iter().find(|line| line.name == name).map(|line| line.value);
    let ours = value("local_encoder.chunks_per_second").context("the encoder's benchmark told no speed")?;
    let mut figures: Vec<Figure> = lines
        .iter()
        .map(|line| {
            let goal = if line.unit == "cosine" { Goal::AtLeast(LEAST_COSINE) } else { Goal::None };
            Figure::new(line.name.clone(), line.value, line.unit.clone(), goal)
        })
        .collect();
    if let Some(theirs) = value("reference.chunks_per_second") {
        figures.push(Figure::new("the local encoder over the original", ours / theirs, "ratio", Goal::AtLeast(FASTER)));
    }
    Ok(figures)
}

/// A figure as the encoder's programs print it.
struct Line {
    name: String,
    value: f64,
    unit: String,
}

/// The figures that a program prints, one JSON object a line.
async fn printed(command: &mut Command) -> Result<Vec<Line>> {
    let output = command.stderr(std::process::Stdio::inherit()).output().await.context("cannot run the benchmark")?;
    ensure!(output.status.success(), "the encoder's benchmark failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let figure = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |field: &str| line[field].as_str().map(ToOwned::to_owned);
        Some(Line { name: text("name")?, value: line["value"].as_f64()?, unit: text("unit")? })
    };
    text.lines().map(|line| figure(line).with_context(|| format!("this is no figure: {line}"))).collect()
}
