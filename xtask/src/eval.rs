//! `cargo xtask eval documents`: how well documents that nobody here wrote are read and found. Each part fetches
//! its files once, into `target/eval`, and prints what it measured beside its goals.

mod charsets;
mod figures;
mod html;
mod parser;
mod pdf;
mod search;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};

use self::figures::Figure;
use crate::paths;

/// Measures one part.
type Measure = fn() -> Result<Vec<Figure>>;

const PARTS: &[(&str, Measure)] =
    &[("charsets", charsets::measure), ("html", html::measure), ("pdf", pdf::measure), ("search", search::measure)];

/// Measures the parts that are named, or all. A missed goal does not change the exit code; a part that cannot
/// be measured does.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode> {
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    let Some((&"documents", wanted)) = arguments.split_first() else {
        bail!("usage: cargo xtask eval documents [{}]", names.join("|"));
    };
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(*name)) {
        bail!("there is no part {unknown}; the parts are {}", names.join(", "));
    }
    let mut outcome = ExitCode::SUCCESS;
    for (name, measure) in PARTS.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name)) {
        match measure() {
            Ok(figures) => figures::print(name, &figures),
            Err(error) => {
                println!("\n### {name}\n\nnot measured: {error:#}");
                outcome = ExitCode::FAILURE;
            }
        }
    }
    Ok(outcome)
}

/// The folder, made when missing, in which files to measure with are kept.
fn cache() -> Result<PathBuf> {
    let folder = paths::target().join("eval");
    paths::make(&folder)?;
    Ok(folder)
}
