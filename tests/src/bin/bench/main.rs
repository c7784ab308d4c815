//! Benchmarks: each figure beside the floor that was measured in the same run.
//!
//! `cargo xtask bench` runs all, `cargo xtask bench scale` those of a filled database. A part alone:
//! `BANYAN_TEST_POSTGRES_URL=… bench turns`.

mod calls;
mod completions;
mod conversation;
mod figures;
mod fill;
mod floors;
mod ingestion;
mod left;
mod process;
mod questions;
mod scale;
mod search;
mod sql;
mod streams;
mod turns;

use std::process::ExitCode;

use anyhow::{Result, bail};

const PARTS: &[&str] = &[
    "turns",
    "turns-sqlite",
    "completions",
    "completions-sqlite",
    "streams",
    "streams-sqlite",
    "conversation",
    "conversation-sqlite",
    "search",
    "questions",
    "questions-sqlite",
    "ingestion",
    "process",
    "encoder",
];

/// Parts that are measured only when they are named: they fill databases for many minutes.
const ON_DEMAND: &[&str] = &["scale", "scale-sqlite"];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--with-reference").collect();
    if let Some(unknown) = arguments.iter().find(|argument| !is_part(argument)) {
        bail!("there is no part {unknown}; the parts are {}, {}", PARTS.join(", "), ON_DEMAND.join(", "));
    }
    let (mut missed, mut failed) = (0, 0);
    let parts: Vec<&str> = match arguments.is_empty() {
        true => PARTS.to_vec(),
        false => PARTS.iter().chain(ON_DEMAND).copied().filter(|part| arguments.iter().any(|a| a == part)).collect(),
    };
    for part in parts {
        let outcome = match part {
            "turns" => turns::on_postgres().await,
            "turns-sqlite" => turns::on_sqlite().await,
            "streams" => streams::on_postgres().await,
            "streams-sqlite" => streams::on_sqlite().await,
            "completions" => completions::on_postgres().await,
            "completions-sqlite" => completions::on_sqlite().await,
            "conversation" => conversation::on_postgres().await,
            "conversation-sqlite" => conversation::on_sqlite().await,
            "search" => search::measure().await,
            "questions" => questions::on_postgres().await,
            "questions-sqlite" => questions::on_sqlite().await,
            "ingestion" => ingestion::measure().await,
            "scale" => scale::on_postgres().await,
            "scale-sqlite" => scale::on_sqlite().await,
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

fn is_part(name: &str) -> bool {
    PARTS.contains(&name) || ON_DEMAND.contains(&name)
}
