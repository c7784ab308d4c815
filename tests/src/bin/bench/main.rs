//! Benchmarks: each figure beside the floor that was measured in the same run.
//!
//! `cargo xtask bench` runs all. A part alone: `BANYAN_TEST_POSTGRES_URL=… bench turns`.

mod conversation;
mod figures;
mod floors;
mod ingestion;
mod process;
mod questions;
mod search;
mod streams;
mod turns;

use std::process::ExitCode;

use anyhow::{Result, bail};

const PARTS: &[&str] = &[
    "turns",
    "turns-sqlite",
    "streams",
    "streams-sqlite",
    "conversation",
    "search",
    "questions",
    "questions-sqlite",
    "ingestion",
    "process",
    "encoder",
];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--with-reference").collect();
    if let Some(unknown) = arguments.iter().find(|argument| !PARTS.contains(&argument.as_str())) {
        bail!("there is no part {unknown}; the parts are {}", PARTS.join(", "));
    }
    let (mut missed, mut failed) = (0, 0);
    for &part in PARTS.iter().filter(|part| arguments.is_empty() || arguments.iter().any(|named| named == *part)) {
        let outcome = match part {
            "turns" => turns::on_postgres().await,
            "turns-sqlite" => turns::on_sqlite().await,
            "streams" => streams::on_postgres().await,
            "streams-sqlite" => streams::on_sqlite().await,
            "conversation" => conversation::measure().await,
            "search" => search::measure().await,
            "questions" => questions::on_postgres().await,
            "questions-sqlite" => questions::on_sqlite().await,
            "ingestion" => ingestion::measure().await,
            "process" => process::measure().await,
            _ => process::encoder().await,
        };
        match outcome {
            Ok(figures) => missed += figures::print(part, &figures),
            Err(error) => {
                println!("\n### {part}\n\nnot measured: {error:#}");
                failed += 1;
            }
        }
    }
    println!("\n{missed} goals missed, {failed} parts not measured");
    // A missed goal is a figure to be told, not a failure of the program.
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
