//! Search over real documents in nine languages, by words, by vectors and by both.
//!
//! `cargo xtask eval documents search` runs it: `search <documents> <figures> [run ...]`. A run is a database and a model
//! (`sqlite-minilm`); `answers` prints what the built-in model answers.

mod answers;
mod library;
mod places;
mod questions;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use e2e::{Database, Server, fixtures, server::Builder};

use self::library::Library;

/// What is run where none is named.
const RUNS: &[&str] =
    &["sqlite-none", "postgres-none", "sqlite-minilm", "sqlite-e5", "postgres-minilm", "postgres-e5", "answers"];
/// Words, vectors and both; without a model there is but one.
const MODES: &[&str] = &["lexical", "vector", "hybrid"];
/// The base URL of a multilingual encoder.
const ENCODER_URL: &str = "BANYAN_EVAL_ENCODER_URL";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [documents, figures, runs @ ..] = arguments.as_slice() else {
        bail!("usage: search <documents> <figures> [run ...]; the runs are {}", RUNS.join(", "));
    };
    let runs: Vec<&str> = if runs.is_empty() { RUNS.to_vec() } else { runs.iter().map(String::as_str).collect() };
    if let Some(unknown) = runs.iter().find(|run| !RUNS.contains(*run)) {
        bail!("there is no run {unknown}; the runs are {}", RUNS.join(", "));
    }
    let documents = PathBuf::from(documents);
    let questions = questions::all()?;
    let mut lines = Vec::new();
    for run in runs {
        if run == "answers" {
            let library = Library::open(Server::builder(), None, &documents).await?;
            answers::print("without a model of vectors", &library, &questions).await?;
            continue;
        }
        let (backend, model) = run.split_once('-').context("a run is a database and a model")?;
        let database = if backend == "postgres" { Some(Database::create().await?) } else { None };
        let library = Library::open(with_model(model)?, database, &documents).await?;
        let modes = if model == "none" { &MODES[..1] } else { MODES };
        lines.extend(places::measure(run, &library, modes, &questions).await?);
    }
    std::fs::write(figures, lines.join("\n")).with_context(|| format!("cannot write {figures}"))
}

/// The settings of a server with an embedding model.
fn with_model(model: &str) -> Result<Builder> {
    let builder = Server::builder();
    Ok(match model {
        "minilm" => builder.variable("BANYAN_EMBEDDINGS__PATH", fixtures::embedding_model()?.to_string_lossy()),
        "e5" => {
            let url = std::env::var(ENCODER_URL).with_context(|| format!("{ENCODER_URL} is not set"))?;
            // Its server takes a question and a passage apart by the name of the model; we have but one name.
            let builder = builder.variable("BANYAN_EMBEDDINGS__MODEL", "multilingual-e5-small");
            builder.variable("BANYAN_EMBEDDINGS__BASE_URL", url).variable("BANYAN_EMBEDDINGS__MAX_TOKENS", "512")
        }
        _ => builder,
    })
}
