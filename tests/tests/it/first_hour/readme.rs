//! The README's block, run as somebody runs it who pastes it at once.

use std::{net::TcpListener, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::program;
use tokio::process::Command;

const README: &str = include_str!("../../../../README.md");
/// Builds the program; the tests have one.
const BUILD: &str = "cargo build --release\n";
const PROGRAM: &str = "target/release/banyan";
const ADDRESS: &str = "127.0.0.1:8080";

#[tokio::test]
async fn the_block_of_the_readme_ends_in_a_cited_answer() -> Result<()> {
    let mut blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block);
    let block = blocks.find(|block| block.starts_with(BUILD)).context("the README has a block that builds")?;
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let banyan = program::path()?.display().to_string();
    ensure!(block.contains(PROGRAM) && block.contains(ADDRESS), "the block serves and asks");
    let block = block.replacen(BUILD, "", 1).replace(PROGRAM, &banyan).replace(ADDRESS, &free);
    for shell in ["sh", "bash"] {
        let folder = tempfile::tempdir()?;
        // The only thing that the block leaves in the background is the server.
        let script = format!("trap 'kill $!' EXIT\n{block}\n");
        let mut command = Command::new(shell);
        command.args(["-c", &script]).current_dir(folder.path()).env("BANYAN_LISTEN", &free);
        command.env("BANYAN_METRICS_LISTEN", "127.0.0.1:0").stdin(Stdio::null()).kill_on_drop(true);
        let ended =
            tokio::time::timeout(Duration::from_secs(120), command.output()).await.context("the block hangs")??;
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let complained = String::from_utf8_lossy(&ended.stderr).into_owned();
        for event in ["event: turn.started", "event: citation.added", "event: turn.completed"] {
            ensure!(said.contains(event), "{shell}: no {event}:\n{said}\n{complained}");
        }
        ensure!(said.contains("30 days"), "{shell}: {said}");
    }
    Ok(())
}
