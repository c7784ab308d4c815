//! Search over real documents in nine languages: the server as it is tested, asked over HTTP.

mod corpus;
mod encoder;

use std::process::Command;

use anyhow::{Context, Result, ensure};

use self::encoder::Encoder;
use super::{
    cache,
    figures::{Figure, Goal},
};
use crate::{
    fixtures, paths,
    postgres::{Durability, GIVEN_URL, Server},
    process::cargo,
    test::succeed,
};

/// The base URL of a multilingual encoder.
const ENCODER_URL: &str = "BANYAN_EVAL_ENCODER_URL";

/// Asks all questions on both databases with both encoders. `BANYAN_EVAL_RUNS` names runs to take instead, parted by
/// blanks, such as `sqlite-none answers`.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let documents = corpus::documents()?;
    let model = fixtures::embedding_model()?;
    let encoder = Encoder::start()?;
    let postgres = Server::start(Durability::Forgetful)?;
    let figures = cache()?.join("search-figures.tsv");
    succeed(&mut cargo(["build", "--workspace", "--bin", "banyan", "--bin", "search"]))?;
    let mut command = Command::new(paths::target().join("debug/search"));
    command.arg(&documents).arg(&figures);
    let runs = std::env::var("BANYAN_EVAL_RUNS").unwrap_or_default();
    command.args(runs.split_whitespace());
    command.env(GIVEN_URL, postgres.url()).env(fixtures::EMBEDDING_MODEL, model).env(ENCODER_URL, encoder.url());
    succeed(&mut command)?;
    drop((postgres, encoder));
    let lines = std::fs::read_to_string(&figures).context("the figures of the search are missing")?;
    lines.lines().map(figure).collect()
}

/// A line: the name, the value and perhaps the least that it should be, parted by tabs.
fn figure(line: &str) -> Result<Figure> {
    let parts: Vec<&str> = line.split('\t').collect();
    ensure!(parts.len() >= 2, "not a figure: {line}");
    let goal = parts.get(2).map_or(Ok(Goal::None), |least| least.parse().map(Goal::AtLeast))?;
    Ok(Figure::new(parts[0], parts[1].parse()?, goal))
}
